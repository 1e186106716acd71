/* Find record ends and the fields of some columns of a block, in one pass. */
#include "byte_masks.h"

#include <stdlib.h>

/* A field end that is needed: it is the stop of one column, the start of the next one, or both. */
typedef struct {
    int32_t field;           /* index in the record */
    int32_t *stops, *starts; /* of these columns, NULL where not requested */
} Edge;

typedef struct {
    const Edge *edges, *last; /* ascending; the last one ends the record */
    int32_t *ends, *first;    /* record ends; starts of the first field, NULL where not requested */
    int64_t capacity;         /* of each of these arrays */
    const Edge *edge;         /* the next to be found */
    int32_t field;            /* index of the next field end in its record */
    int64_t rows;
} Search;

/* Take the field ends of a word; return 0, DECLINED for a record of another width. */
static inline int take_field_ends(Search *to, uint64_t field_ends, uint64_t lines, int32_t base)
{
    const Edge *edge = to->edge;
    int32_t field = to->field, count = bits_in(field_ends);
    while (edge->field - field < count) {
        if (UNLIKELY(to->rows >= to->capacity)) return DECLINED;
        count -= edge->field - field + 1;
        for (; field < edge->field; field++) field_ends &= field_ends - 1;
        int32_t position = base + __builtin_ctzll(field_ends);
        if (edge->stops) edge->stops[to->rows] = position;
        if (edge->starts) edge->starts[to->rows] = position + 1;
        field++;
        if (edge++ == to->last) {
            if (UNLIKELY(!(field_ends & -field_ends & lines))) return DECLINED;
            to->ends[to->rows++] = position;
            if (to->first && to->rows < to->capacity) to->first[to->rows] = position + 1;
            edge = to->edges;
            field = 0;
        }
        field_ends &= field_ends - 1;
    }
    to->edge = edge;
    to->field = field + count;
    return 0;
}

static int scan_block(const uint8_t *data, int64_t size, int delimiter, int quote, Search *to, int64_t *out)
{
    Quoting state = {0, 1, 0, 0};
    int64_t lines_seen = 0;
    uint64_t high = 0, any_quotes = 0;
    for (int64_t base = 0; base < size; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        Bytes64 bytes = size - base >= 64 ? load64(data + base) : load_rest(data + base, (size_t)(size - base), &valid);
        uint64_t lines = equal_bits(&bytes, LF) & valid;
        uint64_t field_ends = (equal_bits(&bytes, (uint8_t)delimiter) & valid) | lines;
        uint64_t returns = equal_bits(&bytes, CR) & valid;
        if (UNLIKELY(equal_bits(&bytes, 0) & valid)) return DECLINED;
        high |= high_bits(&bytes) & valid;
        if (quote >= 0) {
            uint64_t quotes = equal_bits(&bytes, (uint8_t)quote) & valid;
            if (quotes | state.inside_quotes | state.closing) {
                int status = 0;
                uint64_t quoted = quoted_bits(&state, quotes, field_ends | ~valid, 1, &status);
                if (UNLIKELY(status)) return DECLINED;
                any_quotes |= quotes;
                field_ends &= ~quoted;
                lines &= ~quoted;
                returns &= ~quoted;
            } else {
                state.after_field_end = field_ends >> 63;
            }
        }
        if (UNLIKELY(returns)) return DECLINED;
        lines_seen += bits_in(lines);
        if (take_field_ends(to, field_ends, lines, (int32_t)base)) return DECLINED;
    }
    /* Every record ends in a line end: if the numbers are equal, no other field does. */
    if (to->field || state.inside_quotes || lines_seen != to->rows) return DECLINED;
    out[0] = to->rows;
    out[1] = any_quotes != 0;
    out[2] = high != 0;
    out[3] = state.literal != 0;
    return 0;
}

/* data: whole records without NUL, and without CR outside quotes, the last one ended by LF. columns: ascending indexes.
   starts and stops: a row of `capacity` for each column. out: records, whether there are quotes, bytes beyond ASCII, and
   quotes that are literal. */
EXPORT int csvswarm_fields(const uint8_t *data, int64_t size, int delimiter, int quote, int32_t width,
                           const int32_t *columns, int32_t count, int64_t capacity, int32_t *ends, int32_t *starts,
                           int32_t *stops, int64_t *out)
{
    if (size <= 0 || size > INT32_MAX - 64 || data[size - 1] != LF || width < 1) return DECLINED;
    for (int32_t k = 0; k < count; k++)
        if (columns[k] < (k ? columns[k - 1] + 1 : 0) || columns[k] >= width) return DECLINED;
    Edge *edges = malloc((2 * (size_t)count + 1) * sizeof *edges);
    if (!edges) return DECLINED;
    int32_t used = 0;
    for (int32_t k = 0; k < count; k++) {
        if (columns[k]) {
            if (!k || columns[k - 1] != columns[k] - 1) edges[used++] = (Edge){columns[k] - 1, NULL, NULL};
            edges[used - 1].starts = starts + k * capacity;
        }
        edges[used++] = (Edge){columns[k], stops + k * capacity, NULL};
    }
    if (!count || columns[count - 1] != width - 1) edges[used++] = (Edge){width - 1, NULL, NULL};
    Search to = {edges, edges + used - 1, ends, count && !columns[0] ? starts : NULL, capacity, edges, 0, 0};
    if (to.first && capacity) to.first[0] = 0;
    int status = scan_block(data, size, delimiter, quote, &to, out);
    free(edges);
    return status;
}
