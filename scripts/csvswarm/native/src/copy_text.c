/* Copy the fields of a column as contiguous text, without quotes and with doubled quotes unescaped. */
#include "parse_numbers.h"

/* out: room for all bytes of the fields. offsets: count + 1, as in Arrow. missing[i] is set if an unquoted text
   means a missing value. Returns the number of these. */
EXPORT int64_t csvswarm_texts(const uint8_t *data, const int32_t *starts, const int32_t *stops, int64_t count, int quote,
                              const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count, uint8_t *out,
                              int32_t *offsets, uint8_t *missing)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    int64_t gaps = 0;
    int32_t cursor = 0;
    offsets[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *text, *end;
        int quoted;
        unquote(data, starts[i], stops[i], quote, &text, &end, &quoted);
        missing[i] = (uint8_t)(!quoted && is_null(&nulls, text, (size_t)(end - text)));
        if (missing[i]) {
            gaps++;
        } else {
            const uint8_t *doubled;
            while (quoted && (doubled = memchr(text, quote, (size_t)(end - text)))) {
                size_t size = (size_t)(doubled - text) + 1; /* including the first of the two */
                memcpy(out + cursor, text, size);
                cursor += (int32_t)size;
                text = doubled + 2 < end ? doubled + 2 : end;
            }
            memcpy(out + cursor, text, (size_t)(end - text));
            cursor += (int32_t)(end - text);
        }
        offsets[i + 1] = cursor;
    }
    return gaps;
}
