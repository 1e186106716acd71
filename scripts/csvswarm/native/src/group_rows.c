/* Groups of rows: texts and integers as dense codes, and exact sums and extremes of each group. */
#include "parse_numbers.h"

static inline uint64_t load_word(const uint8_t *text)
{
    uint64_t word;
    memcpy(&word, text, 8);
    return word;
}

/* Return a word that is unique among texts of one size below eight bytes. */
static inline uint64_t load_short(const uint8_t *text, size_t size)
{
    if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, text, 4);
        memcpy(&last, text + size - 4, 4);
        return first | (uint64_t)last << 32;
    }
    return size ? text[0] | (uint64_t)text[size / 2] << 8 | (uint64_t)text[size - 1] << 16 : 0;
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
    return hash ^ hash >> 32;
}

static inline uint64_t hash_of(const uint8_t *text, size_t size)
{
    uint64_t hash = mix(size, size < 8 ? load_short(text, size) : load_word(text + size - 8));
    for (; size > 8; text += 8, size -= 8) hash = mix(hash, load_word(text));
    return hash ^ hash >> 17;
}

static inline int is_same(const uint8_t *text, const uint8_t *other, size_t size)
{
    if (size < 8) return load_short(text, size) == load_short(other, size);
    if (size > 16) return !memcmp(text, other, size);
    return load_word(text) == load_word(other) && load_word(text + size - 8) == load_word(other + size - 8);
}

/* Copy a quoted text without its doubled quotes; return its size. */
static inline size_t unescape(uint8_t *out, const uint8_t *text, const uint8_t *end, int quote)
{
    const uint8_t *doubled;
    uint8_t *first = out;
    while ((doubled = memchr(text, quote, (size_t)(end - text)))) {
        size_t size = (size_t)(doubled - text) + 1; /* including the first of the two */
        memcpy(out, text, size);
        out += size;
        text = doubled + 2 < end ? doubled + 2 : end;
    }
    memcpy(out, text, (size_t)(end - text));
    return (size_t)(out - first) + (size_t)(end - text);
}

/* Tables of codes: distinct keys are numbered from 0 by first appearance, over any number of calls. A slot is 0, or
   hash << 32 | code + 1. The number of slots is a power of two, at least 1.5 times that of keys. */
static inline uint64_t free_slot(const uint64_t *table, int64_t slots, uint32_t hash)
{
    uint64_t slot = hash & (uint64_t)(slots - 1);
    while (table[slot]) slot = (slot + 1) & (uint64_t)(slots - 1);
    return slot;
}

/* Copy a table into a larger one, which is all zeros. Returns 0, DECLINED for a wrong size. */
EXPORT int csvswarm_grow(const uint64_t *old, int64_t count, uint64_t *table, int64_t slots)
{
    if (slots < count || (slots & (slots - 1))) return DECLINED;
    for (int64_t i = 0; i < count; i++)
        if (old[i]) table[free_slot(table, slots, (uint32_t)(old[i] >> 32))] = old[i];
    return 0;
}

/* Set codes[i] to the code of text i, -1 if it is missing. Code n is arena[ends[n]] to arena[ends[n + 1]]. known: codes
   so far; the table, the arena and ends have room for `count` more. Returns the number of codes, DECLINED for a wrong
   size. */
EXPORT int64_t csvswarm_text_codes(const uint8_t *data, const int32_t *starts, const int32_t *stops, int64_t count,
                                   int quote, const uint8_t *null_bytes, const int32_t *null_ends, int32_t null_count,
                                   uint64_t *table, int64_t slots, uint8_t *arena, int64_t *ends, int64_t known,
                                   int32_t *codes)
{
    NullValues nulls = null_values_of(null_bytes, null_ends, null_count);
    if (2 * slots < 3 * (known + count) || (slots & (slots - 1)) || known + count > INT32_MAX) return DECLINED;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *text, *end;
        int quoted;
        unquote(data, starts[i], stops[i], quote, &text, &end, &quoted);
        size_t size = (size_t)(end - text);
        if (quoted && UNLIKELY(memchr(text, quote, size) != NULL)) {
            size = unescape(arena + ends[known], text, end, quote);
            text = arena + ends[known];
        } else if (!quoted && is_null(&nulls, text, size)) {
            codes[i] = -1;
            continue;
        }
        uint32_t hash = (uint32_t)hash_of(text, size);
        uint64_t slot = hash & (uint64_t)(slots - 1);
        for (;; slot = (slot + 1) & (uint64_t)(slots - 1)) {
            uint64_t entry = table[slot];
            if (!entry) {
                memmove(arena + ends[known], text, size);
                ends[known + 1] = ends[known] + (int64_t)size;
                table[slot] = (uint64_t)hash << 32 | (uint64_t)(known + 1);
                codes[i] = (int32_t)known++;
                break;
            }
            if ((uint32_t)(entry >> 32) != hash) continue;
            int64_t code = (int64_t)(entry & UINT32_MAX) - 1;
            if ((size_t)(ends[code + 1] - ends[code]) == size && is_same(arena + ends[code], text, size)) {
                codes[i] = (int32_t)code;
                break;
            }
        }
    }
    return known;
}

/* Keys whose slots are prefetched together, as a large table is not in the cache. */
#define PREFETCHED 32

/* The same for integers. missing: NULL for none. keys[n]: the integer with code n. */
EXPORT int64_t csvswarm_number_codes(const int64_t *numbers, const uint8_t *missing, int64_t count, uint64_t *table,
                                     int64_t slots, int64_t *keys, int64_t known, int32_t *codes)
{
    if (2 * slots < 3 * (known + count) || (slots & (slots - 1)) || known + count > INT32_MAX) return DECLINED;
    uint32_t hashes[PREFETCHED];
    for (int64_t i = 0; i < count; i++) {
        if (i % PREFETCHED == 0)
            for (int64_t k = 0; k < PREFETCHED && i + k < count; k++) {
                hashes[k] = (uint32_t)mix(0, (uint64_t)numbers[i + k]);
                __builtin_prefetch(table + (hashes[k] & (uint64_t)(slots - 1)));
            }
        if (missing && missing[i]) {
            codes[i] = -1;
            continue;
        }
        uint32_t hash = hashes[i % PREFETCHED];
        uint64_t slot = hash & (uint64_t)(slots - 1), entry;
        while ((entry = table[slot]) && ((uint32_t)(entry >> 32) != hash || keys[(entry & UINT32_MAX) - 1] != numbers[i]))
            slot = (slot + 1) & (uint64_t)(slots - 1);
        if (!entry) {
            keys[known++] = numbers[i];
            table[slot] = entry = (uint64_t)hash << 32 | (uint64_t)known;
        }
        codes[i] = (int32_t)(entry & UINT32_MAX) - 1;
    }
    return known;
}

static inline int exponent_of(double value, uint64_t *mantissa)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    int biased = (int)(bits >> 52) & 2047;
    *mantissa = bits & (((uint64_t)1 << 52) - 1);
    if (biased) *mantissa |= (uint64_t)1 << 52;
    return (biased ? biased : 1) - 1075;
}

#define LEVEL_BITS 30

static inline int level_of(int exponent)
{
    return exponent >= 0 ? exponent / LEVEL_BITS : -((-exponent + LEVEL_BITS - 1) / LEVEL_BITS);
}

/* Set out to the lowest and highest level (exact_sum.py) that sums of the values need. NaN and zero need none.
   Returns 0, DECLINED for an infinite value, 1 if no level is needed. */
EXPORT int csvswarm_levels(const double *values, int64_t count, int32_t *out)
{
    int low = 2048, high = -1;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, values + i, 8);
        int biased = (int)(bits >> 52) & 2047;
        if (UNLIKELY(biased == 2047)) {
            if (bits << 12) continue;
            return DECLINED;
        }
        if (!(bits << 1)) continue;
        low = biased < low ? biased : low;
        high = biased > high ? biased : high;
    }
    if (high < 0) return 1;
    out[0] = level_of((low ? low : 1) - 1075);
    out[1] = level_of((high ? high : 1) - 1075) + 2;
    return 0;
}

/* Add the values to the sums of their groups: sums[group * levels + level - lowest]. codes: NULL for one group; values
   of groups below 0 and NaN are skipped. Returns 0, DECLINED for a level or group out of range. */
EXPORT int csvswarm_sums(const double *values, const int32_t *codes, int64_t count, int32_t groups, int32_t lowest,
                         int32_t levels, int64_t *sums)
{
    const uint64_t all = ((uint64_t)1 << LEVEL_BITS) - 1;
    for (int64_t i = 0; i < count; i++) {
        int32_t group = codes ? codes[i] : 0;
        uint64_t mantissa, bits;
        memcpy(&bits, values + i, 8);
        if (group < 0 || !(bits << 1) || values[i] != values[i]) continue;
        int exponent = exponent_of(values[i], &mantissa);
        int level = level_of(exponent), shift = exponent - level * LEVEL_BITS, index = level - lowest;
        if (UNLIKELY(index < 0 || index + 2 >= levels || group >= groups)) return DECLINED;
        int64_t *sum = sums + (int64_t)group * levels + index, sign = -(int64_t)(bits >> 63);
        uint64_t rest = mantissa >> (LEVEL_BITS - shift);
        sum[0] += ((int64_t)(mantissa << shift & all) ^ sign) - sign;
        sum[1] += ((int64_t)(rest & all) ^ sign) - sign;
        sum[2] += ((int64_t)(rest >> LEVEL_BITS) ^ sign) - sign;
    }
    return 0;
}

/* Return an integer that sorts like the double (sort_keys.py); -0.0 equals 0.0. */
static inline int64_t sorted_key(double value)
{
    int64_t bits;
    value += 0.0;
    memcpy(&bits, &value, 8);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

/* Add the values to the counts of their groups, and to the smallest and largest keys unless both are NULL. whole: the
   values are int64 and their own keys; otherwise they are doubles. NaN and groups below 0 are skipped. Returns 0, DECLINED
   for a group out of range. */
EXPORT int csvswarm_extremes(const void *values, int whole, const int32_t *codes, int64_t count, int32_t groups,
                             int64_t *counts, int64_t *smallest, int64_t *largest)
{
    const int64_t *integers = values;
    const double *doubles = values;
    for (int64_t i = 0; i < count; i++) {
        int32_t group = codes[i];
        if (group < 0 || (!whole && doubles[i] != doubles[i])) continue;
        if (UNLIKELY(group >= groups)) return DECLINED;
        counts[group]++;
        if (!smallest || !largest) continue;
        int64_t key = whole ? integers[i] : sorted_key(doubles[i]);
        if (key < smallest[group]) smallest[group] = key;
        if (key > largest[group]) largest[group] = key;
    }
    return 0;
}
