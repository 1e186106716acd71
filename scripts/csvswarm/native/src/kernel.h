/* The functions that Python calls. All access is bounds-checked by the lengths passed with each pointer; no state is kept
   between calls.

   Any function may return DECLINED; the caller then falls back to the Python implementation. */
#ifndef CSVSWARM_KERNEL_H
#define CSVSWARM_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LF 10
#define CR 13
#define DECLINED (-1)

/* Texts that mean a missing value: text n is bytes[ends[n - 1]] to bytes[ends[n]]; the first starts at 0. */
typedef struct {
    const uint8_t *bytes;
    const int32_t *ends;
    int32_t count;
    size_t longest;
    uint8_t last[256]; /* whether a null value ends in this byte, so that few texts need a comparison */
} NullValues;

static inline NullValues null_values_of(const uint8_t *bytes, const int32_t *ends, int32_t count)
{
    NullValues nulls = {bytes, ends, count, 0, {0}};
    for (int32_t k = 0, start = 0; k < count; start = ends[k++]) {
        size_t size = (size_t)(ends[k] - start);
        if (size) nulls.last[bytes[ends[k] - 1]] = 1;
        if (size > nulls.longest) nulls.longest = size;
    }
    return nulls;
}

int matches_null_value(const NullValues *nulls, const uint8_t *text, size_t size);

static inline int is_null(const NullValues *nulls, const uint8_t *text, size_t size)
{
    return UNLIKELY(size <= nulls->longest && (!size || nulls->last[text[size - 1]])) &&
           matches_null_value(nulls, text, size);
}

/* The upper 128 bits of 10**n, rounded down, the highest bit set; tens[2 * (n - TENS_FROM)] is the higher half. */
#define TENS_FROM (-343)
#define TENS_TO 325
extern const uint64_t csvswarm_tens[2 * (TENS_TO - TENS_FROM + 1)];

/* Return floor(log2(10**n)), the binary exponent of such a power. Exact for the table's range. */
static inline int floor_log2_of_ten(int n) { return (n * 1741647) >> 19; }

#define MAX_DOUBLE_CHARS 25 /* characters of a double's text: -1.2345678901234567e-308 and a spare one */
#define MAX_INTEGER_CHARS 20

size_t write_double(double value, char *out);
size_t write_integer(int64_t value, char *out);

#endif
