/* Find record ends and the fields of some columns of a block, in one pass. */
#include "byte_masks.h"

#include <stdlib.h>

/* Field ends are collected in batches, from which the columns are extracted. A record with more fields than this
   is one batch. */
#define BATCH_OFFSETS 4096

typedef struct {
    const uint8_t *data;
    int32_t width;              /* fields of a record */
    const int32_t *columns;     /* indexes of the requested columns, ascending */
    int32_t count;
    int64_t capacity;           /* of ends, and of each column's starts and stops */
    int32_t *ends, *starts, *stops;
    int64_t rows;
    int32_t start;              /* of the next record */
} ColumnScan;

/* Extract whole records from field ends; return the number of field ends used, DECLINED for a ragged record. */
static int64_t take_records(ColumnScan *to, const int32_t *offsets, int64_t count)
{
    int64_t done = 0;
    for (; count - done >= to->width; done += to->width) {
        const int32_t *record = offsets + done;
        int32_t end = record[to->width - 1];
        if (UNLIKELY(to->data[end] != LF || to->rows >= to->capacity)) return DECLINED;
        for (int32_t k = 0; k < to->count; k++) {
            int32_t column = to->columns[k];
            to->starts[k * to->capacity + to->rows] = column ? record[column - 1] + 1 : to->start;
            to->stops[k * to->capacity + to->rows] = record[column];
        }
        to->ends[to->rows++] = end;
        to->start = end + 1;
    }
    return done;
}

static int scan_block(const uint8_t *data, int64_t size, int delimiter, int quote, ColumnScan *to, int32_t *offsets,
                      int64_t batch, int64_t *out)
{
    Quoting state = {0, 1, 0};
    int64_t pending = 0, lines_seen = 0;
    uint64_t high = 0, any_quotes = 0;
    for (int64_t base = 0; base < size; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        Bytes64 bytes = size - base >= 64 ? load64(data + base) : load_rest(data + base, (size_t)(size - base), &valid);
        uint64_t lines = equal_bits(&bytes, LF) & valid;
        uint64_t field_ends = (equal_bits(&bytes, (uint8_t)delimiter) & valid) | lines;
        if (UNLIKELY((equal_bits(&bytes, CR) | equal_bits(&bytes, 0)) & valid)) return DECLINED;
        high |= high_bits(&bytes) & valid;
        if (quote >= 0) {
            uint64_t quotes = equal_bits(&bytes, (uint8_t)quote) & valid;
            if (quotes | state.inside_quotes | state.closing) {
                int regular = 1;
                uint64_t quoted = quoted_bits(&state, quotes, field_ends | ~valid, &regular);
                if (UNLIKELY(!regular)) return DECLINED;
                any_quotes |= quotes;
                field_ends &= ~quoted;
                lines &= ~quoted;
            } else {
                state.after_field_end = field_ends >> 63;
            }
        }
        lines_seen += bits_in(lines);
        while (field_ends) {
            offsets[pending++] = (int32_t)(base + __builtin_ctzll(field_ends));
            field_ends &= field_ends - 1;
        }
        if (pending >= batch) {
            int64_t used = take_records(to, offsets, pending);
            if (used < 0) return DECLINED;
            pending -= used;
            memmove(offsets, offsets + used, (size_t)pending * sizeof *offsets);
        }
    }
    int64_t used = take_records(to, offsets, pending);
    /* Every record ends in a line end: if the numbers are equal, no other field does. */
    if (used != pending || state.inside_quotes || lines_seen != to->rows) return DECLINED;
    out[0] = to->rows;
    out[1] = any_quotes != 0;
    out[2] = high != 0;
    return 0;
}

/* data: whole records without NUL and CR, the last one ended by LF. starts and stops: a row of `capacity` for each
   column. out: records, whether there are quotes, whether there are bytes beyond ASCII. */
EXPORT int csvswarm_fields(const uint8_t *data, int64_t size, int delimiter, int quote, int32_t width,
                           const int32_t *columns, int32_t count, int64_t capacity, int32_t *ends, int32_t *starts,
                           int32_t *stops, int64_t *out)
{
    if (size <= 0 || size > INT32_MAX - 64 || data[size - 1] != LF || width < 1) return DECLINED;
    for (int32_t k = 0; k < count; k++)
        if (columns[k] < 0 || columns[k] >= width) return DECLINED;
    ColumnScan to = {data, width, columns, count, capacity, ends, starts, stops, 0, 0};
    int32_t room[BATCH_OFFSETS + 64];
    if (LIKELY(width <= BATCH_OFFSETS)) return scan_block(data, size, delimiter, quote, &to, room, BATCH_OFFSETS, out);
    int32_t *wide = malloc(((size_t)width + 64) * sizeof *wide);
    if (!wide) return DECLINED;
    int status = scan_block(data, size, delimiter, quote, &to, wide, width, out);
    free(wide);
    return status;
}
