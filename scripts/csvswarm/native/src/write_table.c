/* Write Arrow columns as CSV rows of canonical text (canonical_text.py), in one pass. */
#include "kernel.h"

enum { INTEGERS, FLOATS, BOOLEANS, TEXTS, LARGE_TEXTS, TIMESTAMPS };

/* Filled in by row_writing.py. values and offsets point to the first row; the bits of booleans and of valid start shift
   bits after their pointer. */
typedef struct {
    int64_t kind, shift, per_second; /* per_second: units of a timestamp */
    const void *values;
    const uint8_t *valid; /* NULL if no value is missing */
    const void *offsets;
} Column;

static inline int bit_of(const uint8_t *bits, int64_t index) { return bits[index >> 3] >> (index & 7) & 1; }

static inline int needs_quotes(const uint8_t *text, size_t size, uint8_t delimiter, uint8_t quote,
                               const NullValues *nulls)
{
    int found = 0;
    for (size_t i = 0; i < size; i++)
        found |= (text[i] == delimiter) | (text[i] == quote) | (text[i] == LF) | (text[i] == CR);
    return found || is_null(nulls, text, size);
}

static inline char *write_text(const uint8_t *text, size_t size, uint8_t delimiter, uint8_t quote,
                               const NullValues *nulls, char *cursor)
{
    if (LIKELY(!needs_quotes(text, size, delimiter, quote, nulls))) {
        memcpy(cursor, text, size);
        return cursor + size;
    }
    const uint8_t *end = text + size, *inner;
    *cursor++ = (char)quote;
    while (text < end && (inner = memchr(text, quote, (size_t)(end - text)))) {
        size_t until = (size_t)(inner - text) + 1;
        memcpy(cursor, text, until);
        cursor += until;
        *cursor++ = (char)quote;
        text = inner + 1;
    }
    memcpy(cursor, text, (size_t)(end - text));
    cursor += end - text;
    *cursor++ = (char)quote;
    return cursor;
}

static inline void write_two(char *cursor, int value)
{
    cursor[0] = (char)('0' + value / 10);
    cursor[1] = (char)('0' + value % 10);
}

/* Write YYYY-MM-DD HH:MM:SS, with a nonzero fraction without trailing zeros; NULL for years not of four digits.
   The calendar algorithm is that of H. Hinnant: chrono-compatible low-level date algorithms (2013). */
static char *write_timestamp(int64_t value, int64_t per_second, char *cursor)
{
    int64_t second = value / per_second, fraction = value % per_second;
    if (fraction < 0) fraction += per_second, second--;
    int64_t day = second / 86400, rest = second % 86400;
    if (rest < 0) rest += 86400, day--;
    day += 719468; /* days since the first of March of the year 0 */
    int64_t era = (day >= 0 ? day : day - 146096) / 146097, of_era = day - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * of_year + 2) / 153), of_month = (int)(of_year - (153 * month + 2) / 5) + 1;
    month += month < 10 ? 3 : -9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    if (year < 1 || year > 9999) return NULL;
    write_two(cursor, (int)year / 100);
    write_two(cursor + 2, (int)year % 100);
    cursor[4] = cursor[7] = '-';
    write_two(cursor + 5, month);
    write_two(cursor + 8, of_month);
    cursor[10] = ' ';
    write_two(cursor + 11, (int)rest / 3600);
    write_two(cursor + 14, (int)rest / 60 % 60);
    write_two(cursor + 17, (int)rest % 60);
    cursor[13] = cursor[16] = ':';
    cursor += 19;
    if (fraction) {
        *cursor++ = '.';
        for (int64_t unit = per_second / 10; fraction; unit /= 10) {
            *cursor++ = (char)('0' + fraction / unit);
            fraction %= unit;
        }
    }
    return cursor;
}

static inline char *write_value(const Column *column, int64_t row, uint8_t delimiter, uint8_t quote,
                                const NullValues *nulls, char *cursor)
{
    switch (column->kind) {
    case INTEGERS: return cursor + write_integer(((const int64_t *)column->values)[row], cursor);
    case FLOATS: return cursor + write_double(((const double *)column->values)[row], cursor);
    case BOOLEANS: {
        int is_true = bit_of(column->values, column->shift + row);
        memcpy(cursor, is_true ? "True" : "False", is_true ? 4 : 5);
        return cursor + (is_true ? 4 : 5);
    }
    case TEXTS: {
        const int32_t *offsets = (const int32_t *)column->offsets + row;
        return write_text((const uint8_t *)column->values + offsets[0], (size_t)(offsets[1] - offsets[0]), delimiter,
                          quote, nulls, cursor);
    }
    case LARGE_TEXTS: {
        const int64_t *offsets = (const int64_t *)column->offsets + row;
        return write_text((const uint8_t *)column->values + offsets[0], (size_t)(offsets[1] - offsets[0]), delimiter,
                          quote, nulls, cursor);
    }
    default: return write_timestamp(((const int64_t *)column->values)[row], column->per_second, cursor);
    }
}

/* Required size of out: MAX_DOUBLE_CHARS + 1 bytes per number, 30 per timestamp, and per text its bytes, one for each
   quote in it, and three. Returns the number of bytes written; DECLINED for a year without four digits. */
EXPORT int64_t csvswarm_table(int64_t rows, int32_t count, const Column *columns, int delimiter, int quote,
                              const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count, char *out)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    char *cursor = out;
    for (int64_t row = 0; row < rows; row++) {
        for (int32_t k = 0; k < count; k++) {
            const Column *column = columns + k;
            char *start = cursor;
            if (!column->valid || bit_of(column->valid, column->shift + row)) {
                cursor = write_value(column, row, (uint8_t)delimiter, (uint8_t)quote, &nulls, cursor);
                if (!cursor) return DECLINED;
            }
            if (count == 1 && cursor == start) { /* a blank line is not a record */
                *cursor++ = (char)quote;
                *cursor++ = (char)quote;
            }
            *cursor++ = (char)(k + 1 < count ? delimiter : LF);
        }
    }
    return cursor - out;
}
