/* Format a double as the shortest text that parses to it, like Python's repr: 1.0, 1e-05, 0.30000000000000004.

   The digits follow R. Giulietti: The Schubfach way to render doubles (2021), the nearest of the shortest texts. */
#include "kernel.h"

typedef struct {
    uint64_t high, low;
} Power;

/* 10**n with 126 to 128 bits, rounded up if it is not exact. */
static inline Power power_of_ten(int n)
{
    const uint64_t *ten = csvswarm_tens + 2 * (n - TENS_FROM);
    Power power = {ten[0], ten[1]};
    if (n < 0 || n > 55) power.high += !++power.low;
    return power;
}

static inline uint64_t rounded_to_odd(Power g, uint64_t cp)
{
    unsigned __int128 x = (unsigned __int128)g.low * cp;
    unsigned __int128 y = (unsigned __int128)g.high * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static uint64_t shortest_digits(uint64_t fraction, int biased, int *exponent)
{
    uint64_t c = biased ? fraction | (uint64_t)1 << 52 : fraction;
    int q = (biased ? biased : 1) - 1075;
    if (biased && q <= 0 && q > -53 && !(c & (((uint64_t)1 << -q) - 1))) { /* a whole number */
        *exponent = 0;
        return c >> -q;
    }
    int even = !(c & 1), closer = !fraction && biased > 1;
    int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
    int h = q + floor_log2_of_ten(-k) + 1;
    Power g = power_of_ten(-k);
    uint64_t lower = rounded_to_odd(g, (4 * c - 2 + (uint64_t)closer) << h) + !even;
    uint64_t value = rounded_to_odd(g, (4 * c) << h);
    uint64_t upper = rounded_to_odd(g, (4 * c + 2) << h) - !even;
    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tenth = s / 10;
        int under = lower <= 40 * tenth, over = 40 * tenth + 40 <= upper;
        if (under != over) {
            *exponent = k + 1;
            return tenth + (uint64_t)over;
        }
    }
    *exponent = k;
    int under = lower <= 4 * s, over = 4 * s + 4 <= upper;
    if (under != over) return s + (uint64_t)over;
    uint64_t middle = 4 * s + 2;
    return s + (value > middle || (value == middle && (s & 1)));
}

static const char PAIRS[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static inline void write_pair(uint32_t digits, char *out) { memcpy(out, PAIRS + 2 * digits, 2); }

/* Write the last `count` digits of a number, eight at a time, as they fit in 32 bits. */
static inline void write_digits(uint64_t digits, int count, char *out)
{
    while (count >= 8) {
        uint32_t eight = (uint32_t)(digits % 100000000), high = eight / 10000, low = eight % 10000;
        digits /= 100000000;
        count -= 8;
        write_pair(high / 100, out + count);
        write_pair(high % 100, out + count + 2);
        write_pair(low / 100, out + count + 4);
        write_pair(low % 100, out + count + 6);
    }
    uint32_t rest = (uint32_t)(digits % 100000000);
    while (count >= 2) {
        count -= 2;
        write_pair(rest % 100, out + count);
        rest /= 100;
    }
    if (count) out[0] = (char)('0' + rest % 10);
}

static const uint64_t TENS[] = {1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL,
                                100000000ULL, 1000000000ULL, 10000000000ULL, 100000000000ULL, 1000000000000ULL,
                                10000000000000ULL, 100000000000000ULL, 1000000000000000ULL, 10000000000000000ULL,
                                100000000000000000ULL, 1000000000000000000ULL, 10000000000000000000ULL};

static inline int count_digits(uint64_t digits)
{
    digits |= 1; /* no other even number is one too few */
    int likely = ((64 - __builtin_clzll(digits)) * 1233) >> 12;
    return likely + (digits >= TENS[likely]);
}

size_t write_integer(int64_t value, char *out)
{
    uint64_t digits = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int count = count_digits(digits);
    if (value < 0) *out++ = '-';
    write_digits(digits, count, out);
    return (size_t)count + (value < 0);
}

/* Write D.IGITS * 10**power as 1.5e+20, as Python does from 1e16 on and below 1e-4; return the end of the text. */
static inline char *write_scientific(uint64_t digits, int count, int power, char *out)
{
    write_digits(digits, count, out + 1);
    out[0] = out[1];
    if (count > 1) out[1] = '.', out += count + 1;
    else out += 1;
    *out++ = 'e';
    *out++ = power < 0 ? '-' : '+';
    if (power < 0) power = -power;
    int length = power > 99 ? 3 : 2;
    write_digits((uint64_t)power, length, out);
    return out + length;
}

size_t write_double(double value, char *out)
{
    uint64_t bits;
    char *start = out;
    memcpy(&bits, &value, 8);
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    int biased = (int)(bits >> 52) & 2047;
    if (biased == 2047 && fraction) return 0; /* NaN is a missing value, written as an empty field */
    if (bits >> 63) *out++ = '-';
    if (biased == 2047) {
        memcpy(out, "inf", 3);
        return (size_t)(out - start) + 3;
    }
    if (!(fraction | (uint64_t)biased)) {
        memcpy(out, "0.0", 3);
        return (size_t)(out - start) + 3;
    }
    int exponent;
    uint64_t digits = shortest_digits(fraction, biased, &exponent);
    while (digits % 100000000 == 0) digits /= 100000000, exponent += 8;
    if (digits % 10000 == 0) digits /= 10000, exponent += 4;
    if (digits % 100 == 0) digits /= 100, exponent += 2;
    if (digits % 10 == 0) digits /= 10, exponent += 1;
    int count = count_digits(digits), point = count + exponent; /* the value is 0.DIGITS * 10**point */
    if (point > 16 || point < -3) return (size_t)(write_scientific(digits, count, point - 1, out) - start);
    if (point <= 0) {
        memcpy(out, "0.000", 5);
        out += 2 - point;
        write_digits(digits, count, out);
        return (size_t)(out + count - start);
    }
    if (exponent >= 0) {
        write_digits(digits, count, out);
        memset(out + count, '0', (size_t)exponent);
        memcpy(out + point, ".0", 2);
        return (size_t)(out + point + 2 - start);
    }
    write_digits(digits, count, out + 1);
    memmove(out, out + 1, (size_t)point);
    out[point] = '.';
    return (size_t)(out + count + 1 - start);
}

/* Write numbers back to back; offsets[i] is the end of number i. out: MAX_DOUBLE_CHARS bytes per number. */
EXPORT int64_t csvswarm_write_doubles(const double *values, int64_t count, char *out, int32_t *offsets)
{
    int64_t size = 0;
    for (int64_t i = 0; i < count; i++) {
        size += (int64_t)write_double(values[i], out + size);
        offsets[i] = (int32_t)size;
    }
    return size;
}
