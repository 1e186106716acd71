/* Count the records that end in a piece: what `Grammar.scan` of record_scan.py finds, without the positions. */
#include "byte_masks.h"

/* previous_byte: the byte before the piece. inside_quotes: whether the piece starts inside quotes. at_record_start:
   whether a record starts with it. exact: whether all this is known, so that quotes may be literal. out: records, offset
   of the last line end or -1, whether the piece ends inside quotes.

   The piece must not end in a quote whose meaning the next byte decides, except at the end of the file. */
EXPORT int csvswarm_count(const uint8_t *data, int64_t size, int delimiter, int quote, int previous_byte,
                          int inside_quotes, int at_record_start, int exact, int64_t *out)
{
    Quoting state = {inside_quotes ? ~(uint64_t)0 : 0, 0, 0, 0};
    state.after_field_end = previous_byte == LF || previous_byte == CR || previous_byte == delimiter ||
                            (quote >= 0 && previous_byte == quote);
    int64_t records = 0, last = -1;
    /* 1 if the last byte ended a line, was a CR, and was a CR on its own in a line. */
    uint64_t line_start = at_record_start != 0, returned = 0, blank = 0;
    for (int64_t base = 0; base < size; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        Bytes64 bytes = size - base >= 64 ? load64(data + base) : load_rest(data + base, (size_t)(size - base), &valid);
        uint64_t lines = equal_bits(&bytes, LF) & valid;
        uint64_t returns = equal_bits(&bytes, CR) & valid;
        if (quote >= 0) {
            uint64_t quotes = equal_bits(&bytes, (uint8_t)quote) & valid;
            if (quotes | state.inside_quotes | state.closing) {
                int status = 0;
                uint64_t field_ends = (equal_bits(&bytes, (uint8_t)delimiter) & valid) | lines | returns;
                /* The end of the data ends a field as well. */
                uint64_t quoted = quoted_bits(&state, quotes, field_ends | ~valid, exact, &status);
                if (UNLIKELY(status)) return DECLINED;
                lines &= ~quoted;
                returns &= ~quoted;
            } else {
                uint8_t end = data[(base + 63 < size ? base + 63 : size - 1)];
                state.after_field_end = end == LF || end == delimiter;
            }
        }
        if (UNLIKELY((returns << 1 | returned) & ~lines)) return DECLINED; /* a CR without LF ends a line, too */
        uint64_t starts = lines << 1 | line_start, blanks = returns & starts;
        records += bits_in(lines & ~(starts | blanks << 1 | blank));
        line_start = lines >> 63;
        returned = returns >> 63;
        blank = blanks >> 63;
        if (lines) last = base + 63 - __builtin_clzll(lines);
    }
    if (returned) return DECLINED;
    out[0] = records;
    out[1] = last;
    out[2] = state.inside_quotes != 0;
    return 0;
}
