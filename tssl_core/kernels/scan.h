/* What compiled scans share: the call, a copy for each processor, rows of a group, threads, output past the caches.
 *
 * A scan maps [steps, neurons] to [steps, neurons], one recurrence a neuron. Its kernel does a group of adjacent neurons
 * over all steps, so that their state stays in registers; plain loops over the group are what the compiler vectorises.
 * The processor does not foresee so many rows at once, so kernels fetch rows of a later group as they go. native.py
 * tells how to add a scan.
 */
#ifndef TSSL_SCAN_H
#define TSSL_SCAN_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* for madvise under -std=c11 */
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

enum {
    GROUP = 64,             /* neurons in a group: four registers of AVX-512 in float32 */
    FETCH_AHEAD = 512,      /* neurons between a group and that whose rows it fetches */
    STREAM_BYTES = 8 << 20, /* a larger output goes to memory past the caches */
    MIN_WORK = 16 << 10,    /* elements for which waking another thread pays */
};

/* One call: `arrays` and `numbers` mean what the kernel takes them to mean. */
struct scan {
    size_t steps, neurons;
    void *const *arrays;
    const double *numbers;
};

/* Does neurons [first, first + lanes), with as much scratch a group as its entry point asks for. */
typedef void (*range_kernel)(const struct scan *scan, size_t first, size_t lanes, void *scratch);

#define RANGE_ARGUMENTS const struct scan *scan, size_t first, size_t lanes, void *scratch

/* x y + z, with one rounding where `fused` says that the processor has an instruction for that. */
#define MULTIPLY_ADD(x, y, z, fused) ((fused) ? FMA(x, y, z) : (x) * (y) + (z))
#define FMA(x, y, z) _Generic((x), float : __builtin_fmaf, double : __builtin_fma)(x, y, z)

/* A number to divide by. `exact` says that x * inverse + x * rest, with two roundings, is the very quotient of any float
 * x of at least 1e-29: two multiplications in the place of a slow division. */
struct divisor {
    double value;
    float inverse, rest;
    int exact;
};

/* `numbers` holds the value, and whether scan_divides_exactly has found it exact. */
INLINE struct divisor read_divisor(const double *numbers)
{
    const float value = (float)numbers[0], inverse = (float)(1 / (double)value);
    return (struct divisor){numbers[0], inverse, (float)(1 / (double)value - (double)inverse), numbers[1] != 0};
}

#define DIVIDE(x, divisor, multiply)                                                                                   \
    ((multiply) ? FMA(x, (REAL)(divisor).inverse, (x) * (REAL)(divisor).rest) : (x) / (REAL)(divisor).value)

/* Row t of an array of REAL, from neuron `first` on. */
#define ROW(scan, array, t, first) ((REAL *)(scan)->arrays[array] + (t) * (scan)->neurons + (first))

/* A row of a group to read: in place, or padded with zeros in `spare` if it is not full. */
INLINE const void *load_row(const void *row, size_t bytes, size_t group_bytes, void *spare)
{
    if (bytes == group_bytes)
        return row;
    memset(spare, 0, group_bytes);
    return memcpy(spare, row, bytes);
}

/* Fetch the row of a later group; past the end of the array nothing happens. */
INLINE void fetch_row(const void *row, size_t group_bytes)
{
    for (size_t line = 0; line < group_bytes; line += 64)
        __builtin_prefetch((const char *)row + line);
}

/* Write a row past the caches. */
INLINE void stream_row(void *row, size_t bytes, const void *values)
{
#ifdef __SSE2__
    for (size_t i = 0; i < bytes / 16; i++)
        _mm_stream_si128((__m128i *)row + i, _mm_load_si128((const __m128i *)values + i));
#else
    memcpy(row, values, bytes);
#endif
}

/* Whether an output is large enough to stream, and every row of a group aligned for that. */
INLINE int should_stream(const struct scan *scan, const void *output, size_t size)
{
    return scan->steps * scan->neurons * size > STREAM_BYTES && (uintptr_t)output % 16 == 0 &&
           scan->neurons * size % 16 == 0;
}

/* Where a kernel writes a row of a group: in place, or in `spare`, from where store_row takes it. */
INLINE void *output_row(void *row, size_t lanes, int stream, void *spare)
{
    return stream || lanes < GROUP ? spare : row;
}

/* Finish a row that was written to what output_row gave. */
INLINE void store_row(void *row, size_t lanes, size_t size, int stream, const void *spare)
{
    if (lanes < GROUP)
        memcpy(row, spare, lanes * size);
    else if (stream)
        stream_row(row, GROUP * size, spare);
}

/* In a range kernel, call `function(scan, first, lanes, ...)` for each group; of full ones the compiler knows that. */
#define EACH_GROUP(function, ...)                                                                                      \
    do {                                                                                                               \
        for (; lanes >= GROUP; lanes -= GROUP, first += GROUP)                                                         \
            function(scan, first, GROUP, __VA_ARGS__);                                                                 \
        if (lanes)                                                                                                     \
            function(scan, first, lanes, __VA_ARGS__);                                                                 \
    } while (0)

/* Run a kernel over all neurons, an equal share for each thread. Returns 0, or -1 if there was no memory for scratch. */
static inline int run_range(range_kernel kernel, const struct scan *scan, size_t bytes_per_group, int threads)
{
    const size_t groups = (scan->neurons + GROUP - 1) / GROUP, worth = scan->steps * scan->neurons / MIN_WORK;
    const size_t most = worth < groups ? worth : groups;
    const ptrdiff_t shares = most <= 1 ? 1 : (size_t)threads < most ? threads : (ptrdiff_t)most;
    int failed = 0;
#pragma omp parallel for num_threads((int)shares) schedule(static, 1) reduction(| : failed)
    for (ptrdiff_t share = 0; share < shares; share++) {
        const size_t begin = groups * (size_t)share / (size_t)shares * GROUP;
        const size_t end = groups * (size_t)(share + 1) / (size_t)shares * GROUP;
        void *scratch = aligned_alloc(64, bytes_per_group + 64);
        failed |= !scratch;
        if (scratch && begin < scan->neurons)
            kernel(scan, begin, (end < scan->neurons ? end : scan->neurons) - begin, scratch);
        free(scratch);
    }
    return failed ? -1 : 0;
}

/* Generation of x86-64 whose copy of a kernel runs here: 0 any, 1 with AVX2 and FMA, 2 with AVX-512. */
EXPORT int scan_generation(void);

/* SCAN_KERNEL makes an entry point for native.py, <name>_entry, of a range kernel that takes one argument more: `fused`,
 * whether FMA is one instruction. It compiles a copy for each generation of processors and chooses as it is called. */
#define SCAN_KERNEL(name, bytes_per_group) SCAN_COPIES(name, bytes_per_group) /* once `name` is expanded */
#define SCAN_COPY(name, copy, fused, ...)                                                                              \
    __VA_ARGS__ static void name##_##copy(RANGE_ARGUMENTS) { name(scan, first, lanes, scratch, fused); }
#define SCAN_ENTRY(name, bytes_per_group, ...)                                                                         \
    EXPORT int name##_entry(size_t steps, size_t neurons, void *const *arrays, const double *numbers, int threads)     \
    {                                                                                                                  \
        static const range_kernel copies[] = {__VA_ARGS__};                                                            \
        const struct scan scan = {steps, neurons, arrays, numbers};                                                    \
        return run_range(copies[scan_generation()], &scan, bytes_per_group, threads);                                  \
    }
#if defined(__x86_64__)
#define SCAN_COPIES(name, bytes_per_group)                                                                             \
    SCAN_COPY(name, avx512, 1, __attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))))                          \
    SCAN_COPY(name, avx2, 1, __attribute__((target("avx2,fma"))))                                                      \
    SCAN_COPY(name, any, 0, )                                                                                          \
    SCAN_ENTRY(name, bytes_per_group, name##_any, name##_avx2, name##_avx512)
#else
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#define SCAN_COPIES(name, bytes_per_group)                                                                             \
    SCAN_COPY(name, any, HAS_FMA, )                                                                                    \
    SCAN_ENTRY(name, bytes_per_group, name##_any)
#endif

#endif
