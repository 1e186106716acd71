/* Append new fields to the kept records, in one pass. */
#include "kernel.h"

enum { INTEGERS, FLOATS, BOOLEANS };

/* ends: offset of the LF of each record. kept: a byte for each record, or NULL for all. columns: values of the kept
   records only, of the given kinds. out must have room for all records. Returns the number of bytes written. */
EXPORT int64_t csvswarm_rows(const uint8_t *data, const int32_t *ends, const uint8_t *kept, int64_t rows, int delimiter,
                             int32_t count, const int32_t *kinds, const void *const *columns, char *out)
{
    char *cursor = out;
    int64_t row = 0;
    int32_t start = 0;
    for (int64_t i = 0; i < rows; i++) {
        int32_t end = ends[i];
        if (!kept || kept[i]) {
            size_t size = (size_t)(end - start);
            memcpy(cursor, data + start, size);
            cursor += size;
            for (int32_t k = 0; k < count; k++) {
                *cursor++ = (char)delimiter;
                if (kinds[k] == FLOATS) {
                    cursor += write_double(((const double *)columns[k])[row], cursor);
                } else if (kinds[k] == INTEGERS) {
                    cursor += write_integer(((const int64_t *)columns[k])[row], cursor);
                } else {
                    int is_true = ((const uint8_t *)columns[k])[row] != 0;
                    memcpy(cursor, is_true ? "True" : "False", is_true ? 4 : 5);
                    cursor += is_true ? 4 : 5;
                }
            }
            *cursor++ = LF;
            row++;
        }
        start = end + 1;
    }
    return cursor - out;
}
