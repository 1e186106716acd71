/* Parsing of one field, shared by number parsing and kind inference. */
#ifndef CSVSWARM_NUMBERS_H
#define CSVSWARM_NUMBERS_H

#include "kernel.h"

#define NOT_PLAIN 0
#define PLAIN 1
#define UNDECIDED 2 /* a plain number whose rounding the caller must decide */

static inline int is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

int read_integer(const uint8_t *text, const uint8_t *stop, int64_t *value);
int read_float(const uint8_t *text, const uint8_t *stop, double *value);

/* Set text and end to the field without its quotes, and quoted to whether it has quotes. */
static inline void unquote(const uint8_t *data, int32_t start, int32_t stop, int quote, const uint8_t **text,
                           const uint8_t **end, int *quoted)
{
    *quoted = quote >= 0 && stop - start >= 2 && data[start] == quote;
    *text = data + start + *quoted;
    *end = data + stop - *quoted;
}

#endif
