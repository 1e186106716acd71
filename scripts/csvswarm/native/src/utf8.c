/* Validate UTF-8 like Python's strict decoder: no surrogates, no overlong forms, nothing beyond U+10FFFF. */
#include "kernel.h"

EXPORT int csvswarm_is_utf8(const uint8_t *data, int64_t size)
{
    int64_t i = 0;
    while (i < size) {
        if (size - i >= 8) {
            uint64_t word;
            memcpy(&word, data + i, 8);
            if (!(word & 0x8080808080808080ULL)) {
                i += 8;
                continue;
            }
        }
        uint8_t lead = data[i++];
        if (lead < 0x80) continue;
        int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
        if (lead < 0xC2 || lead > 0xF4 || size - i < more) return 0;
        uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (data[i] < low || data[i] > high) return 0;
        for (int k = 1; k < more; k++)
            if ((data[i + k] & 0xC0) != 0x80) return 0;
        i += more;
    }
    return 1;
}
