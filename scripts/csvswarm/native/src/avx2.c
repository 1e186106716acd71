/* The functions that scan bytes, compiled for AVX2, with the suffix _avx2: they take two thirds of the time. */
#include "kernel.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(CSVSWARM_PLAIN)
#pragma GCC target("avx2,bmi,popcnt")
#define CSVSWARM_AVX2
#define csvswarm_count csvswarm_count_avx2
#define csvswarm_fields csvswarm_fields_avx2
#define csvswarm_records csvswarm_records_avx2
#define csvswarm_line_feeds csvswarm_line_feeds_avx2
#include "classify_records.c"
#include "count_records.c"
#include "find_fields.c"
#include "unify_line_ends.c"

EXPORT int csvswarm_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
}
#else
EXPORT int csvswarm_has_avx2(void) { return 0; }
#endif
