/* Kept records with new fields at their ends, in one pass. */
#include "kernel.h"

enum { INTEGERS, FLOATS, BOOLEANS };

/* ends: where the LF of each record is. kept: a byte for each record, or NULL for all. columns: values of the kept
   records alone, of the given kinds. out has room for all that is kept. Returns how much was written. */
EXPORT int64_t csvswarm_rows(const uint8_t *data, const int32_t *ends, const uint8_t *kept, int64_t rows, int delimiter,
                             int32_t count, const int32_t *kinds, const void *const *columns, char *out)
{
    char *place = out;
    int64_t row = 0;
    int32_t start = 0;
    for (int64_t i = 0; i < rows; i++) {
        int32_t end = ends[i];
        if (!kept || kept[i]) {
            size_t size = (size_t)(end - start);
            memcpy(place, data + start, size);
            place += size;
            for (int32_t k = 0; k < count; k++) {
                *place++ = (char)delimiter;
                if (kinds[k] == FLOATS) {
                    place += write_double(((const double *)columns[k])[row], place);
                } else if (kinds[k] == INTEGERS) {
                    place += write_integer(((const int64_t *)columns[k])[row], place);
                } else {
                    int is_true = ((const uint8_t *)columns[k])[row] != 0;
                    memcpy(place, is_true ? "True" : "False", is_true ? 4 : 5);
                    place += is_true ? 4 : 5;
                }
            }
            *place++ = LF;
            row++;
        }
        start = end + 1;
    }
    return place - out;
}
