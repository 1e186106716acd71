/* Parse fields to int64 and float64.

   Only plain numbers are parsed, and always correctly rounded: -?(0|[1-9][0-9]*), with a fraction and an exponent for
   floats. If a column contains any other text, conversion.py parses the whole column. */
#include "parse_numbers.h"

int matches_null_value(const NullValues *nulls, const uint8_t *text, size_t size)
{
    int32_t start = 0;
    for (int32_t k = 0; k < nulls->count; k++) {
        int32_t end = nulls->ends[k];
        if ((size_t)(end - start) == size && (!size || !memcmp(nulls->bytes + start, text, size))) return 1;
        start = end;
    }
    return 0;
}

/* An integer of at most 18 digits, which always fits. */
int read_integer(const uint8_t *text, const uint8_t *stop, int64_t *value)
{
    int negative = text < stop && *text == '-';
    text += negative;
    if (text >= stop || stop - text > 18 || (*text == '0' && stop - text > 1)) return NOT_PLAIN;
    int64_t sum = 0;
    for (; text < stop; text++) {
        if (UNLIKELY(!is_digit(*text))) return NOT_PLAIN;
        sum = sum * 10 + (*text - '0');
    }
    *value = negative ? -sum : sum;
    return PLAIN;
}

static const double TENS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* digits * 10**exponent for up to 19 digits, correctly rounded; UNDECIDED if 128 bits of the power do not
   suffice, and for subnormal or out-of-range results. After D. Lemire: Number Parsing at a Gigabyte per Second (2021). */
static int scale_decimal(uint64_t digits, int exponent, double *value)
{
    if (LIKELY(digits <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22)) {
        double exact = (double)digits; /* both operands are exact, so the single operation rounds correctly */
        *value = exponent < 0 ? exact / TENS[-exponent] : exact * TENS[exponent];
        return PLAIN;
    }
    if (!digits) {
        *value = 0.0;
        return PLAIN;
    }
    if (exponent < -330 || exponent > 308) return UNDECIDED;
    int zeros = __builtin_clzll(digits);
    uint64_t normal = digits << zeros;
    const uint64_t *ten = csvswarm_tens + 2 * (exponent - TENS_FROM);
    unsigned __int128 low = (unsigned __int128)normal * ten[1];
    unsigned __int128 top = (unsigned __int128)normal * ten[0] + (uint64_t)(low >> 64);
    /* The true product is between top and top + 2, in units of the last bit. */
    int shift = (int)(top >> 127) + 74; /* leaves 53 bits */
    unsigned __int128 half = (unsigned __int128)1 << (shift - 1), rest = top & (2 * half - 1);
    if ((rest >= half - 2 && rest <= half) || rest >= 2 * half - 2) return UNDECIDED;
    uint64_t mantissa = (uint64_t)(top >> shift) + (rest > half);
    /* the value of top is top * 2**(floor_log2(10**exponent) - 127 + 64 - zeros): the low 64 bits are dropped */
    int power = floor_log2_of_ten(exponent) - 127 + 64 - zeros + shift;
    if (mantissa >> 53) {
        mantissa >>= 1;
        power++;
    }
    int biased = power + 52 + 1023;
    if (biased < 1 || biased > 2046) return UNDECIDED;
    uint64_t bits = (mantissa & (((uint64_t)1 << 52) - 1)) | (uint64_t)biased << 52;
    memcpy(value, &bits, 8);
    return PLAIN;
}

int read_float(const uint8_t *text, const uint8_t *stop, double *value)
{
    int negative = text < stop && *text == '-';
    text += negative;
    const uint8_t *first = text;
    uint64_t digits = 0;
    while (text < stop && is_digit(*text)) digits = digits * 10 + (uint64_t)(*text++ - '0');
    int64_t whole = text - first, fraction = 0;
    if (whole > 1 && *first == '0') return NOT_PLAIN;
    int is_whole = text == stop;
    if (text < stop && *text == '.') {
        const uint8_t *point = ++text;
        while (text < stop && is_digit(*text)) digits = digits * 10 + (uint64_t)(*text++ - '0');
        fraction = text - point;
    }
    if (!(whole + fraction) || (is_whole && whole > 18)) return NOT_PLAIN; /* it may be an identifier */
    int64_t exponent = -fraction;
    if (text < stop && (*text | 32) == 'e') {
        text++;
        int minus = text < stop && *text == '-';
        text += text < stop && (*text == '-' || *text == '+');
        if (text >= stop || stop - text > 4) return NOT_PLAIN;
        int64_t given = 0;
        while (text < stop && is_digit(*text)) given = given * 10 + (*text++ - '0');
        exponent += minus ? -given : given;
    }
    if (text != stop) return NOT_PLAIN;
    if (whole + fraction > 19) return UNDECIDED;
    int status = scale_decimal(digits, (int)(exponent < -9999 ? -9999 : exponent), value);
    if (negative) *value = -*value;
    return status;
}

/* Whether a field of a numeric column that is not a plain number is a missing value. */
static inline int is_missing(const NullValues *nulls, const uint8_t *text, const uint8_t *end, int quoted)
{
    return is_null(nulls, text, (size_t)(end - text)) && !(quoted && text != end);
}

/* Parse fields to integers; missing[i] marks missing values. numeric: whether a null value may look like a number.
   Returns the number of missing values, or DECLINED. */
EXPORT int64_t csvswarm_integers(const uint8_t *data, const int32_t *starts, const int32_t *stops, int64_t count,
                                 int quote, const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count,
                                 int32_t numeric, int64_t *values, uint8_t *missing)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    int64_t gaps = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *text, *end;
        int quoted;
        unquote(data, starts[i], stops[i], quote, &text, &end, &quoted);
        if (UNLIKELY(numeric)) {
            if (quoted) return DECLINED;
            missing[i] = (uint8_t)is_null(&nulls, text, (size_t)(end - text));
        } else {
            missing[i] = text == end;
        }
        values[i] = 0;
        if (!missing[i] && !read_integer(text, end, values + i)) missing[i] = 1;
        else if (LIKELY(!missing[i])) continue;
        if (!is_missing(&nulls, text, end, quoted)) return DECLINED;
        values[i] = 0;
        gaps++;
    }
    return gaps;
}

/* Parse fields to floats, NaN where missing. Set undecided_rows to the rows whose rounding the caller must decide,
   and *undecided_count to their number. Returns the number of missing values, or DECLINED. */
EXPORT int64_t csvswarm_floats(const uint8_t *data, const int32_t *starts, const int32_t *stops, int64_t count, int quote,
                               const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count,
                               int32_t numeric, double *values, int32_t *undecided_rows, int64_t *undecided_count)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    int64_t gaps = 0;
    *undecided_count = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *text, *end;
        int quoted, status = NOT_PLAIN;
        unquote(data, starts[i], stops[i], quote, &text, &end, &quoted);
        if (UNLIKELY(numeric)) {
            if (quoted) return DECLINED;
            if (!is_null(&nulls, text, (size_t)(end - text))) status = read_float(text, end, values + i);
        } else if (text != end) {
            status = read_float(text, end, values + i);
        }
        if (LIKELY(status == PLAIN)) continue;
        if (status == UNDECIDED) {
            undecided_rows[(*undecided_count)++] = (int32_t)i;
            continue;
        }
        if (!is_missing(&nulls, text, end, quoted)) return DECLINED;
        values[i] = __builtin_nan("");
        gaps++;
    }
    return gaps;
}
