/* What native.py needs of the library beside the kernels. */
#include "scan.h"

/* Tells which sources this was built from. */
extern EXPORT const uint32_t scan_source_checksum;
const uint32_t scan_source_checksum = SCAN_SOURCE_CHECKSUM;

static int newest_generation = 2;

/* For tests: take no newer copy than that of a generation. */
EXPORT void scan_limit_generation(int generation)
{
    newest_generation = generation;
}

int scan_generation(void)
{
    int generation = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        generation = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") ? 2 : 1;
#endif
    return generation < newest_generation ? generation : newest_generation;
}

/* Whether the two multiplications of DIVIDE give the quotient of every float mantissa. A millisecond. */
INLINE int divides_exactly(double value)
{
    const double numbers[] = {value, 1};
    const struct divisor divisor = read_divisor(numbers);
    int differing = 0;
#pragma omp simd reduction(| : differing)
    for (int32_t mantissa = 0; mantissa < 1 << 23; mantissa++) {
        const float x = 1 + (float)mantissa * 0x1p-23f;
        differing |= FMA(x, divisor.inverse, x * divisor.rest) != x / (float)divisor.value;
    }
    return !differing;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static int divides_exactly_avx2(double value) { return divides_exactly(value); }
EXPORT int scan_divides_exactly(double value) { return scan_generation() > 0 && divides_exactly_avx2(value); }
#else
EXPORT int scan_divides_exactly(double value) { return HAS_FMA && divides_exactly(value); }
#endif
