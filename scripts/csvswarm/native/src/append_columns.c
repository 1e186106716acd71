/* Write fields of the kept records and new values as rows, in one pass; compare fields with a text. */
#include "parse_numbers.h"

enum { INTEGERS, FLOATS, BOOLEANS, FIELDS };

/* Filled in by row_writing.py. Fields have starts and stops, one of each per record; new columns have values, and missing
   if a value is missing, one per kept record. */
typedef struct {
    int64_t kind;
    const void *values;
    const uint8_t *missing;
    const int32_t *starts, *stops;
} Output;

static inline char *write_new(const Output *column, int64_t row, char *cursor)
{
    if (column->missing && column->missing[row]) return cursor;
    if (column->kind == FLOATS) return cursor + write_double(((const double *)column->values)[row], cursor);
    if (column->kind == INTEGERS) return cursor + write_integer(((const int64_t *)column->values)[row], cursor);
    int is_true = ((const uint8_t *)column->values)[row] != 0;
    memcpy(cursor, is_true ? "True" : "False", is_true ? 4 : 5);
    return cursor + (is_true ? 4 : 5);
}

/* kept: a byte for each record, or NULL for all. quote: written twice for a row of one empty field, as a blank line is
   not a record. out must have room for all fields and values. Returns the number of bytes written. */
EXPORT int64_t csvswarm_rows(const uint8_t *data, const uint8_t *kept, int64_t rows, int delimiter, int quote,
                             int32_t count, const Output *columns, char *out)
{
    char *cursor = out;
    int64_t row = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (kept && !kept[i]) continue;
        char *start = cursor;
        for (int32_t k = 0; k < count; k++) {
            const Output *column = columns + k;
            if (k) *cursor++ = (char)delimiter;
            if (column->kind == FIELDS) {
                size_t size = (size_t)(column->stops[i] - column->starts[i]);
                memcpy(cursor, data + column->starts[i], size);
                cursor += size;
            } else {
                cursor = write_new(column, row, cursor);
            }
        }
        if (count == 1 && cursor == start) {
            *cursor++ = (char)quote;
            *cursor++ = (char)quote;
        }
        *cursor++ = LF;
        row++;
    }
    return cursor - out;
}

/* Set equal[i] to whether field i is a text of `size` bytes; a missing one is not. Returns 0, DECLINED if a field
   contains a doubled quote. */
EXPORT int csvswarm_equal(const uint8_t *data, const int32_t *starts, const int32_t *stops, int64_t count, int quote,
                          const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count, const uint8_t *text,
                          int64_t size, uint8_t *equal)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    int may_be_null = is_null(&nulls, text, (size_t)size);
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *field, *end;
        int quoted;
        unquote(data, starts[i], stops[i], quote, &field, &end, &quoted);
        if (quoted && memchr(field, quote, (size_t)(end - field))) return DECLINED;
        equal[i] = end - field == size && !memcmp(field, text, (size_t)size) && (quoted || !may_be_null);
    }
    return 0;
}
