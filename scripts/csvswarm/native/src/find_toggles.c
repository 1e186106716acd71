/* Find the quotes that open and close fields where parity does not show them: the loop of record_scan.py. */
#include "kernel.h"

/* quotes: positions of all quotes of the piece, ascending. previous_byte: the byte before the piece. inside_quotes:
   whether it starts inside quotes. toggles: gets at most `count` positions; inside: whether the piece ends inside quotes.
   Returns the number of toggles, DECLINED for a position outside the piece. */
EXPORT int64_t csvswarm_toggles(const uint8_t *data, int64_t size, const int64_t *quotes, int64_t count, int delimiter,
                                int previous_byte, int inside_quotes, int64_t *toggles, int32_t *inside)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t quote = quotes[i];
        if (quote < 0 || quote >= size) return DECLINED;
        if (!inside_quotes) {
            int before = quote ? data[quote - 1] : previous_byte;
            if (before != delimiter && before != LF && before != CR) continue;
        } else if (i + 1 < count && quotes[i + 1] == quote + 1) {
            i++; /* doubled: one literal quote */
            continue;
        }
        toggles[found++] = quote;
        inside_quotes = !inside_quotes;
    }
    *inside = inside_quotes != 0;
    return found;
}
