/* Scan 64 bytes per step into one bit per byte; the first byte is the lowest bit.

   Every x86-64 has SSE2 and every aarch64 has NEON; avx2.c compiles what uses this for AVX2 as well. */
#ifndef CSVSWARM_MASKS_H
#define CSVSWARM_MASKS_H

#include "kernel.h"

#if defined(CSVSWARM_AVX2)
#include <immintrin.h>

typedef struct { __m256i part[2]; } Bytes64;

static inline Bytes64 load64(const uint8_t *data)
{
    Bytes64 bytes;
    for (int i = 0; i < 2; i++) bytes.part[i] = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32 * i));
    return bytes;
}

static inline uint64_t gather(const __m256i part[2])
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(part[1]) << 32 | (uint32_t)_mm256_movemask_epi8(part[0]);
}

static inline uint64_t equal_bits(const Bytes64 *bytes, uint8_t value)
{
    __m256i found[2], wanted = _mm256_set1_epi8((char)value);
    for (int i = 0; i < 2; i++) found[i] = _mm256_cmpeq_epi8(bytes->part[i], wanted);
    return gather(found);
}

static inline uint64_t high_bits(const Bytes64 *bytes) { return gather(bytes->part); }

#elif defined(__SSE2__) && !defined(CSVSWARM_PLAIN)
#include <emmintrin.h>

typedef struct { __m128i part[4]; } Bytes64;

static inline Bytes64 load64(const uint8_t *data)
{
    Bytes64 bytes;
    for (int i = 0; i < 4; i++) bytes.part[i] = _mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i));
    return bytes;
}

static inline uint64_t gather(const __m128i part[4])
{
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(part[i]) << (16 * i);
    return bits;
}

static inline uint64_t equal_bits(const Bytes64 *bytes, uint8_t value)
{
    __m128i found[4], wanted = _mm_set1_epi8((char)value);
    for (int i = 0; i < 4; i++) found[i] = _mm_cmpeq_epi8(bytes->part[i], wanted);
    return gather(found);
}

static inline uint64_t high_bits(const Bytes64 *bytes) { return gather(bytes->part); }

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(CSVSWARM_PLAIN)
#include <arm_neon.h>

typedef struct { uint8x16_t part[4]; } Bytes64;

static inline Bytes64 load64(const uint8_t *data)
{
    Bytes64 bytes;
    for (int i = 0; i < 4; i++) bytes.part[i] = vld1q_u8(data + 16 * i);
    return bytes;
}

static inline uint64_t gather(const uint8x16_t part[4])
{
    const uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t low = vpaddq_u8(vandq_u8(part[0], weights), vandq_u8(part[1], weights));
    uint8x16_t high = vpaddq_u8(vandq_u8(part[2], weights), vandq_u8(part[3], weights));
    uint8x16_t sums = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
}

static inline uint64_t equal_bits(const Bytes64 *bytes, uint8_t value)
{
    uint8x16_t found[4];
    for (int i = 0; i < 4; i++) found[i] = vceqq_u8(bytes->part[i], vdupq_n_u8(value));
    return gather(found);
}

static inline uint64_t high_bits(const Bytes64 *bytes)
{
    uint8x16_t found[4];
    for (int i = 0; i < 4; i++) found[i] = vcgeq_u8(bytes->part[i], vdupq_n_u8(128));
    return gather(found);
}

#else /* eight bytes at a time in plain C, for little-endian machines */

typedef struct { uint64_t part[8]; } Bytes64;

static inline Bytes64 load64(const uint8_t *data)
{
    Bytes64 bytes;
    memcpy(bytes.part, data, 64);
    return bytes;
}

static inline uint64_t gather_top_bits(uint64_t tops) /* the top bit of each byte, as eight bits */
{
    return ((tops >> 7) * 0x0102040810204080ULL) >> 56;
}

static inline uint64_t equal_bits(const Bytes64 *bytes, uint8_t value)
{
    const uint64_t low = 0x7F7F7F7F7F7F7F7FULL, pattern = 0x0101010101010101ULL * value;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t differs = bytes->part[i] ^ pattern;
        bits |= gather_top_bits(~(((differs & low) + low) | differs | low)) << (8 * i);
    }
    return bits;
}

static inline uint64_t high_bits(const Bytes64 *bytes)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits |= gather_top_bits(bytes->part[i] & 0x8080808080808080ULL) << (8 * i);
    return bits;
}
#endif

/* Load the last bytes of the data, fewer than 64, without reading beyond them; set their bits in valid. */
static inline Bytes64 load_rest(const uint8_t *data, size_t size, uint64_t *valid)
{
    uint8_t padded[64] = {0};
    memcpy(padded, data, size);
    *valid = ((uint64_t)1 << size) - 1;
    return load64(padded);
}

/* Count the set bits. Not every machine has an instruction for it, and a library call would be slower. */
static inline int bits_in(uint64_t bits)
{
    bits -= bits >> 1 & 0x5555555555555555ULL;
    bits = (bits & 0x3333333333333333ULL) + (bits >> 2 & 0x3333333333333333ULL);
    return (int)(((bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0FULL) * 0x0101010101010101ULL >> 56);
}

/* Set each bit to the parity of the bits up to and including it. */
static inline uint64_t prefix_parity(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift <<= 1) bits ^= bits << shift;
    return bits;
}

/* State of the quote scan between words. */
typedef struct {
    uint64_t inside_quotes;     /* all ones if the previous word ended inside quotes, else zero */
    uint64_t after_field_end;   /* 1 if the last byte ended a field, or was a quote that opened or closed one */
    uint64_t closing;           /* 1 if the last byte closed a quote: a field end or a quote must follow */
    uint64_t literal;           /* 1 if a quote was literal, as in 5" pipe */
} Quoting;

/* Do the same as quoted_bits, quote by quote, where a quote outside of quotes is literal unless a field starts with it.
   Set *status to DECLINED for text between a closing quote and the end of its field. */
static uint64_t exact_quoted_bits(Quoting *state, uint64_t quotes, uint64_t field_ends, int *status)
{
    uint64_t fitting = field_ends | quotes, quoted = 0;
    /* The bit after a closing quote, where a second quote makes both literal and reopens the field. */
    uint64_t reopens = state->closing, starts = field_ends << 1 | (state->after_field_end & ~state->closing);
    uint64_t inside = state->inside_quotes & 1, opened = 1;
    if (state->closing & ~fitting) *status = DECLINED;
    state->closing = 0;
    for (; quotes; quotes &= quotes - 1) {
        uint64_t quote = quotes & -quotes;
        if (inside) {
            quoted |= quote - opened;
            inside = 0;
            reopens = quote << 1;
            state->closing = quote >> 63;
            if (reopens & ~fitting) *status = DECLINED;
        } else if (quote & (reopens | starts)) {
            inside = 1;
            opened = quote;
            state->closing = 0;
        } else {
            state->literal = 1;
        }
    }
    if (inside) quoted |= ~(opened - 1);
    state->inside_quotes = (uint64_t)0 - inside;
    state->after_field_end = field_ends >> 63 | state->closing;
    return quoted;
}

/* Return the bits inside quotes. field_ends: bits of all delimiters and line ends. exact: whether quotes may be literal;
   the state must then be exact, not a guess. Set *status to DECLINED if the bits cannot be found. */
static inline uint64_t quoted_bits(Quoting *state, uint64_t quotes, uint64_t field_ends, int exact, int *status)
{
    uint64_t fitting = field_ends | quotes;
    uint64_t quoted = prefix_parity(quotes) ^ state->inside_quotes;
    uint64_t opens = quotes & quoted, closes = quotes & ~quoted;
    /* Parity is reliable as long as each quote is at the edge of a field or doubled. */
    if (UNLIKELY((opens & ~(fitting << 1 | state->after_field_end)) || (closes & ~(fitting >> 1 | (uint64_t)1 << 63)) ||
                 (state->closing & ~fitting))) {
        if (exact) return exact_quoted_bits(state, quotes, field_ends, status);
        *status = DECLINED;
    }
    state->inside_quotes = (uint64_t)((int64_t)quoted >> 63);
    state->after_field_end = fitting >> 63;
    state->closing = closes >> 63;
    return quoted;
}

#endif
