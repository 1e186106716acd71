/* Count the fields of every record of a block, and flag NULs and bytes beyond ASCII, for bad_records.py. */
#include "byte_masks.h"

enum { NUL = 1, BEYOND_ASCII = 2 };

/* data: whole records, the last one ended by LF. ends, fields and flags: room for `capacity` records.

   Returns their number; DECLINED for blocks with a CR outside quotes, a blank line, or text after a closing quote. */
EXPORT int64_t csvswarm_records(const uint8_t *data, int64_t size, int delimiter, int quote, int64_t capacity,
                                int32_t *ends, int32_t *fields, uint8_t *flags)
{
    if (size <= 0 || size > INT32_MAX - 64 || data[size - 1] != LF) return DECLINED;
    Quoting state = {0, 1, 0, 0};
    int64_t records = 0;
    int32_t count = 0, last = -1;
    int nul = 0, beyond = 0;
    for (int64_t base = 0; base < size; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        Bytes64 bytes = size - base >= 64 ? load64(data + base) : load_rest(data + base, (size_t)(size - base), &valid);
        uint64_t lines = equal_bits(&bytes, LF) & valid;
        uint64_t field_ends = (equal_bits(&bytes, (uint8_t)delimiter) & valid) | lines;
        uint64_t zeros = equal_bits(&bytes, 0) & valid, high = high_bits(&bytes) & valid;
        uint64_t returns = equal_bits(&bytes, CR) & valid;
        if (quote >= 0) {
            uint64_t quotes = equal_bits(&bytes, (uint8_t)quote) & valid;
            if (quotes | state.inside_quotes | state.closing) {
                int status = 0;
                uint64_t quoted = quoted_bits(&state, quotes, field_ends | ~valid, 1, &status);
                if (UNLIKELY(status)) return DECLINED;
                field_ends &= ~quoted;
                lines &= ~quoted;
                returns &= ~quoted;
            } else {
                state.after_field_end = field_ends >> 63;
            }
        }
        if (UNLIKELY(returns)) return DECLINED;
        while (lines) {
            uint64_t line = lines & -lines, up_to = line | (line - 1);
            int32_t end = (int32_t)(base + __builtin_ctzll(line));
            if (UNLIKELY(records >= capacity || end == last + 1)) return DECLINED;
            ends[records] = last = end;
            fields[records] = count + bits_in(field_ends & up_to);
            flags[records] = (uint8_t)(nul || (zeros & up_to) ? NUL : 0);
            if (beyond || (high & up_to)) flags[records] |= BEYOND_ASCII;
            records++;
            count = nul = beyond = 0;
            field_ends &= ~up_to;
            zeros &= ~up_to;
            high &= ~up_to;
            lines &= lines - 1;
        }
        count += bits_in(field_ends);
        nul |= zeros != 0;
        beyond |= high != 0;
    }
    return state.inside_quotes || last != size - 1 ? DECLINED : records;
}
