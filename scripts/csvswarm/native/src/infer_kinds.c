/* Find the kinds of values in a column: `TextConverter.kinds` of conversion.py. */
#include "parse_numbers.h"

enum { GAP = 1, QUOTED_NULL = 2, BOOL = 4, INTEGER = 8, FLOAT = 16, TEXT = 32, UNSURE = 64 };

static int is_bool(const uint8_t *text, size_t size)
{
    static const char *const spelled[] = {"True", "TRUE", "true", "False", "FALSE", "false"};
    for (int k = 0; k < 6; k++)
        if (size == (k < 3 ? 4u : 5u) && !memcmp(text, spelled[k], size)) return 1;
    return 0;
}

static int is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }

static int starts_with(const uint8_t *text, const char *word)
{
    return (text[0] | 32) == word[0] && (text[1] | 32) == word[1] && (text[2] | 32) == word[2];
}

static const uint8_t *after_digits(const uint8_t *text, const uint8_t *end)
{
    while (text < end && is_digit(*text)) text++;
    return text;
}

static int kind_of(const uint8_t *text, const uint8_t *end)
{
    while (text < end && is_blank(*text)) text++;
    while (text < end && is_blank(end[-1])) end--;
    if (is_bool(text, (size_t)(end - text))) return BOOL;
    int64_t integer;
    double number;
    if (read_integer(text, end, &integer) == PLAIN) return INTEGER;
    int status = read_float(text, end, &number);
    if (status != NOT_PLAIN) return status == PLAIN ? FLOAT : UNSURE;
    /* The rest is text, unless it is a number beyond the parser above or a word like inf. */
    text += text < end && *text == '-';
    int64_t size = end - text;
    if (((size == 3 || size == 8) && starts_with(text, "inf")) || (size > 2 && starts_with(text, "nan"))) return UNSURE;
    const uint8_t *first = text;
    text = after_digits(text, end);
    int64_t digits = text - first;
    if (digits > 1 && *first == '0') return TEXT;
    if (text < end && *text == '.') {
        first = ++text;
        text = after_digits(text, end);
        digits += text - first;
    }
    if (!digits) return TEXT;
    if (text < end && (*text | 32) == 'e') {
        text++;
        text += text < end && (*text == '-' || *text == '+');
        first = text;
        text = after_digits(text, end);
        if (text == first) return TEXT;
    }
    return text == end ? UNSURE : TEXT;
}

/* Return the kinds of all fields as bits. */
EXPORT int csvswarm_kinds(const uint8_t *data, const int32_t *starts, const int32_t *stops, int64_t count, int quote,
                          const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    int kinds = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *text, *end;
        int quoted;
        unquote(data, starts[i], stops[i], quote, &text, &end, &quoted);
        if (quoted && memchr(text, quote, (size_t)(end - text))) kinds |= TEXT;
        else if (is_null(&nulls, text, (size_t)(end - text))) kinds |= quoted ? QUOTED_NULL : GAP;
        else if (!(kinds & TEXT)) kinds |= kind_of(text, end); /* beside text, other kinds do not matter */
    }
    return kinds;
}
