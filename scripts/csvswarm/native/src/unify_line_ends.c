/* Copy a block with LF instead of CRLF after its records. */
#include "byte_masks.h"

/* data: whole records, as of a file from its start. out: room for all bytes. Returns the number of bytes written; DECLINED
   for a CR without LF outside quotes, which ends a record as well, and for text after a closing quote. */
EXPORT int64_t csvswarm_line_feeds(const uint8_t *data, int64_t size, int delimiter, int quote, uint8_t *out)
{
    Quoting state = {0, 1, 0, 0};
    uint8_t *cursor = out;
    int64_t copied = 0; /* bytes of data that are written or dropped */
    uint64_t returned = 0;
    for (int64_t base = 0; base < size; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        Bytes64 bytes = size - base >= 64 ? load64(data + base) : load_rest(data + base, (size_t)(size - base), &valid);
        uint64_t lines = equal_bits(&bytes, LF) & valid, returns = equal_bits(&bytes, CR) & valid;
        if (quote >= 0) {
            uint64_t quotes = equal_bits(&bytes, (uint8_t)quote) & valid;
            uint64_t field_ends = (equal_bits(&bytes, (uint8_t)delimiter) & valid) | lines | returns;
            if (quotes | state.inside_quotes | state.closing) {
                int status = 0;
                uint64_t quoted = quoted_bits(&state, quotes, field_ends | ~valid, 1, &status);
                if (UNLIKELY(status)) return DECLINED;
                lines &= ~quoted;
                returns &= ~quoted;
            } else {
                state.after_field_end = field_ends >> 63;
            }
        }
        if (UNLIKELY((returns << 1 | returned) & ~lines)) return DECLINED;
        returned = returns >> 63;
        for (; returns; returns &= returns - 1) {
            int64_t position = base + __builtin_ctzll(returns);
            memcpy(cursor, data + copied, (size_t)(position - copied));
            cursor += position - copied;
            copied = position + 1;
        }
    }
    if (returned) return DECLINED;
    memcpy(cursor, data + copied, (size_t)(size - copied));
    return cursor - out + size - copied;
}
