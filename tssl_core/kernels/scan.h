/* What compiled scans share: the call, clones for each CPU, the loop over blocks, strips, output past the caches.
 *
 * A scan maps [steps, neurons] to [steps, neurons], one recurrence a neuron. Its kernel does a block of adjacent
 * neurons over all steps; a row of the block is taken in strips of a cache line, whose plain loop the compiler
 * vectorises. Kernels hide the latency of memory by fetching the next block's rows as they go, since the processor
 * does not foresee so many rows at once. native.py tells how to add a scan.
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
#define FETCH(address) __builtin_prefetch(address)

/* One copy of a kernel for each generation of x86-64, chosen as the library is loaded (needs GNU ifunc). */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#endif
#endif
#ifndef CLONES
#define CLONES
#endif

enum {
    STRIP_BYTES = 64,          /* a cache line, and a register of AVX-512 */
    MAX_LANES = 512,           /* neurons in a block */
    SCRATCH_BYTES = 256 << 10, /* target for a block's scratch: a part of the L2 cache */
    STREAM_BYTES = 8 << 20,    /* a larger output goes to memory past the caches */
    MIN_WORK = 16 << 10,       /* elements for which waking another thread pays */
};

/* One call: `arrays` and `numbers` mean what the kernel takes them to mean. */
struct scan {
    size_t steps, neurons;
    void *const *arrays;
    const double *numbers;
};

/* Does neurons [first, first + lanes), with as much scratch a neuron as its entry point asks for, to the next strip. */
typedef void (*block_kernel)(const struct scan *scan, size_t first, size_t lanes, void *scratch);

/* The strip that starts at `strip` and has `bytes` left in its row: in place, or padded with zeros in `spare`. */
INLINE const void *load_strip(const void *strip, size_t bytes, void *spare)
{
    if (bytes >= STRIP_BYTES)
        return strip;
    memset(spare, 0, STRIP_BYTES);
    return memcpy(spare, strip, bytes);
}

/* Write a strip of which `bytes` are left in the row. */
INLINE void store_strip(void *strip, size_t bytes, const void *values, int streaming)
{
    if (bytes < STRIP_BYTES) {
        memcpy(strip, values, bytes);
        return;
    }
#ifdef __SSE2__
    if (streaming) {
        for (int i = 0; i < STRIP_BYTES / 16; i++)
            _mm_stream_si128((__m128i *)strip + i, _mm_load_si128((const __m128i *)values + i));
        return;
    }
#endif
    (void)streaming;
    memcpy(strip, values, STRIP_BYTES);
}

/* Whether an output is large enough to stream, and every strip of it aligned for that. */
INLINE int should_stream(const struct scan *scan, const void *output, size_t size)
{
    return scan->steps * scan->neurons * size > STREAM_BYTES && (uintptr_t)output % 16 == 0 &&
           scan->neurons * size % 16 == 0;
}

static inline size_t block_lanes(size_t bytes_per_neuron)
{
    const size_t lanes = bytes_per_neuron ? SCRATCH_BYTES / bytes_per_neuron / 64 * 64 : MAX_LANES;
    return lanes < 64 ? 64 : lanes > MAX_LANES ? MAX_LANES : lanes;
}

static inline int useful_threads(int threads, size_t elements, size_t blocks)
{
    const size_t worth = elements / MIN_WORK < blocks ? elements / MIN_WORK : blocks;
    return worth <= 1 ? 1 : (size_t)threads < worth ? threads : (int)worth;
}

/* Run a kernel over all neurons. Returns 0, or -1 if there was no memory for scratch. */
static inline int run_blocks(block_kernel kernel, const struct scan *scan, size_t bytes_per_neuron, int threads)
{
    const size_t lanes = block_lanes(bytes_per_neuron), neurons = scan->neurons;
    const ptrdiff_t blocks = (ptrdiff_t)((neurons + lanes - 1) / lanes);
    const int useful = useful_threads(threads, scan->steps * neurons, (size_t)blocks);
    int failed = 0;
    (void)useful; /* without OpenMP */
#pragma omp parallel num_threads(useful) reduction(| : failed)
    {
        void *scratch = aligned_alloc(64, lanes * bytes_per_neuron + 64);
        failed = !scratch;
#pragma omp for schedule(static)
        for (ptrdiff_t block = 0; block < blocks; block++) {
            const size_t first = (size_t)block * lanes;
            if (!failed)
                kernel(scan, first, neurons - first < lanes ? neurons - first : lanes, scratch);
        }
        free(scratch);
    }
    return failed ? -1 : 0;
}

/* The entry point of a kernel, for native.py. */
#define SCAN_ENTRY(name, kernel, bytes_per_neuron)                                                                     \
    EXPORT int name(size_t steps, size_t neurons, void *const *arrays, const double *numbers, int threads)             \
    {                                                                                                                  \
        const struct scan scan = {steps, neurons, arrays, numbers};                                                    \
        return run_blocks(kernel, &scan, bytes_per_neuron, threads);                                                   \
    }

#endif
