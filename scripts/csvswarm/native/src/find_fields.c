/* Where the records of a block end and the fields of some columns are, in one pass. */
#include "byte_masks.h"

#include <stdlib.h>

/* Places of field ends are noted down in runs of whole words, then the columns are picked from them. Records of more
   fields than that are noted down whole. */
#define NOTED 4096

typedef struct {
    const uint8_t *data;
    int32_t width;              /* fields of a record */
    const int32_t *places;      /* of the columns that are wanted, ascending */
    int32_t count;
    int64_t capacity;           /* of ends, and of each column's starts and stops */
    int32_t *ends, *starts, *stops;
    int64_t rows;
    int32_t start;              /* of the next record */
} Picked;

/* Take whole records from the places of field ends; returns how many places are used up, DECLINED for a ragged record. */
static int64_t pick(Picked *to, const int32_t *noted, int64_t count)
{
    int64_t done = 0;
    for (; count - done >= to->width; done += to->width) {
        const int32_t *record = noted + done;
        int32_t end = record[to->width - 1];
        if (UNLIKELY(to->data[end] != LF || to->rows >= to->capacity)) return DECLINED;
        for (int32_t k = 0; k < to->count; k++) {
            int32_t place = to->places[k];
            to->starts[k * to->capacity + to->rows] = place ? record[place - 1] + 1 : to->start;
            to->stops[k * to->capacity + to->rows] = record[place];
        }
        to->ends[to->rows++] = end;
        to->start = end + 1;
    }
    return done;
}

static int found_in(const uint8_t *data, int64_t size, int delimiter, int quote, Picked *to, int32_t *noted,
                    int64_t most, int64_t *out)
{
    Quoting state = {0, 1, 0};
    int64_t held = 0, lines_seen = 0;
    uint64_t high = 0, any_quotes = 0;
    for (int64_t base = 0; base < size; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        Bytes64 bytes = size - base >= 64 ? load64(data + base) : load_rest(data + base, (size_t)(size - base), &valid);
        uint64_t lines = equal_bits(&bytes, LF) & valid;
        uint64_t edges = (equal_bits(&bytes, (uint8_t)delimiter) & valid) | lines;
        if (UNLIKELY((equal_bits(&bytes, CR) | equal_bits(&bytes, 0)) & valid)) return DECLINED;
        high |= high_bits(&bytes) & valid;
        if (quote >= 0) {
            uint64_t quotes = equal_bits(&bytes, (uint8_t)quote) & valid;
            if (quotes | state.inside | state.closing) {
                int regular = 1;
                uint64_t quoted = quoted_bits(&state, quotes, edges | ~valid, &regular);
                if (UNLIKELY(!regular)) return DECLINED;
                any_quotes |= quotes;
                edges &= ~quoted;
                lines &= ~quoted;
            } else {
                state.fitted = edges >> 63;
            }
        }
        lines_seen += bits_in(lines);
        while (edges) {
            noted[held++] = (int32_t)(base + __builtin_ctzll(edges));
            edges &= edges - 1;
        }
        if (held >= most) {
            int64_t used = pick(to, noted, held);
            if (used < 0) return DECLINED;
            held -= used;
            memmove(noted, noted + used, (size_t)held * sizeof *noted);
        }
    }
    int64_t used = pick(to, noted, held);
    /* Every record ends in a line end: with as many of them as records, no other field does. */
    if (used != held || state.inside || lines_seen != to->rows) return DECLINED;
    out[0] = to->rows;
    out[1] = any_quotes != 0;
    out[2] = high != 0;
    return 0;
}

/* data: whole records without NUL and CR, the last one ended by LF. starts and stops: a row of `capacity` for each place.
   out: records, whether there are quotes, whether there are bytes beyond ASCII. */
EXPORT int csvswarm_fields(const uint8_t *data, int64_t size, int delimiter, int quote, int32_t width,
                           const int32_t *places, int32_t count, int64_t capacity, int32_t *ends, int32_t *starts,
                           int32_t *stops, int64_t *out)
{
    if (size <= 0 || size > INT32_MAX - 64 || data[size - 1] != LF || width < 1) return DECLINED;
    for (int32_t k = 0; k < count; k++)
        if (places[k] < 0 || places[k] >= width) return DECLINED;
    Picked to = {data, width, places, count, capacity, ends, starts, stops, 0, 0};
    int32_t room[NOTED + 64];
    if (LIKELY(width <= NOTED)) return found_in(data, size, delimiter, quote, &to, room, NOTED, out);
    int32_t *wide = malloc(((size_t)width + 64) * sizeof *wide);
    if (!wide) return DECLINED;
    int told = found_in(data, size, delimiter, quote, &to, wide, width, out);
    free(wide);
    return told;
}
