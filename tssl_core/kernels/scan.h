/* What compiled scans share: the call, a copy for each processor, rows of a group, threads, output past the caches.
 *
 * A scan maps [steps, neurons] to [steps, neurons], one recurrence a neuron. Its kernel does a group of adjacent neurons
 * over all steps, so that their state stays in registers; plain loops over the group are what the compiler vectorises.
 * The processor does not foresee so many rows at once, so kernels fetch rows of a later group as they go. native.py
 * tells how to add a scan.
 */
#ifndef TSSL_SCAN_H
#define TSSL_SCAN_H

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
    LINE = 64,              /* bytes of a cache line */
    STEP = 16,              /* channels that are copied at once; memory for a tile has room for so many more */
    TILE_BYTES = 96 << 10,  /* of the currents or outputs of a layer's tile, which are to stay in the caches */
    MIN_WORK = 16 << 10,    /* elements for which waking another thread pays */
};

/* One call: `arrays` and `numbers` mean what the kernel takes them to mean; `strides` are from step to step of each array,
 * and `stream` says whether what it writes is to go past the caches. */
struct scan {
    size_t steps, neurons;
    void *const *arrays;
    const size_t *strides;
    const double *numbers;
    int stream;
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
#define ROW(scan, array, t, first) ((REAL *)(scan)->arrays[array] + (t) * (scan)->strides[array] + (first))

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
    for (size_t line = 0; line < group_bytes; line += LINE)
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

/* Whether to stream an array that a kernel writes: every row of a group has to be of whole cache lines, as parts of them
 * take longer than the way through the caches. */
INLINE int should_stream(const struct scan *scan, int array, size_t size)
{
    return scan->stream && (uintptr_t)scan->arrays[array] % LINE == 0 && scan->strides[array] * size % LINE == 0;
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

/* How many threads have enough to do. */
INLINE ptrdiff_t shares_of(size_t parts, size_t elements, int threads)
{
    const size_t worth = elements / MIN_WORK, most = worth < parts ? worth : parts;
    return most <= 1 ? 1 : (size_t)threads < most ? threads : (ptrdiff_t)most;
}

/* A name of one type's. */
#define TYPED(name) TYPED_AS(name, SUFFIX)
#define TYPED_AS(name, suffix) TYPED_EXPANDED(name, suffix)
#define TYPED_EXPANDED(name, suffix) name##_##suffix

/* Run a kernel over all neurons, an equal share for each thread. Returns 0, or -1 if there was no memory for scratch. */
static inline int run_range(range_kernel kernel, const struct scan *scan, size_t bytes_per_group, int threads)
{
    const size_t groups = (scan->neurons + GROUP - 1) / GROUP;
    const ptrdiff_t shares = shares_of(groups, scan->steps * scan->neurons, threads);
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

/* Arrays of a layer; all but the first two or three may be missing. Factors of dropout are [batch, rows, channels]. */
enum { CURRENT, OUTPUT, GRAD_CURRENT, GAIN, DROPOUT, POOL_DROPOUT, COUNT, LAYER_ARRAYS };

/* A layer's neurons with what is around them. Dense layers have one row and one column. Backwards, OUTPUT is dL/d(it). */
struct layer {
    size_t steps, batch, channels, height, width, pool;
    int pooled, flat, sums; /* `pool` is 1 without pooling; `sums`: dL/d(the current that was given once), not of each step */
    void *const *arrays;
    double pool_gain;
    const double *numbers; /* of the neuron's kernel */
    size_t neurons, tile_columns;
    int stream;
};

/* Rows and columns of one sample's feature maps; fewer rows than a pooling window has are those left over in the end. */
struct tile {
    size_t sample, row, rows, column, columns;
};

typedef void (*tile_kernel)(const struct layer *layer, struct tile tile, void *memory);

/* Bytes of an array of a tile's, with room for a step beyond its end. */
INLINE size_t room_for(size_t bytes)
{
    return (bytes + STEP * sizeof(double) + 63) / 64 * 64;
}

/* So many columns that a tile stays in the caches: whole windows, or all there are. */
INLINE size_t tile_columns(const struct layer *layer, size_t size)
{
    const size_t column = layer->steps * layer->pool * layer->channels * size;
    const size_t columns = TILE_BYTES / column / layer->pool * layer->pool;
    const size_t most = columns > layer->pool ? columns : layer->pool;
    return most + layer->pool > layer->width ? layer->width : most;
}

/* Do every tile, an equal share for each thread; returns as run_range. */
static inline int run_layer(tile_kernel kernel, struct layer *layer, size_t size, size_t bytes_per_group, int threads)
{
    layer->neurons = layer->batch * layer->height * layer->width * layer->channels;
    layer->tile_columns = tile_columns(layer, size);
    layer->stream = layer->steps * layer->neurons * size > STREAM_BYTES;
    const size_t across = (layer->width + layer->tile_columns - 1) / layer->tile_columns;
    const size_t down = (layer->height + layer->pool - 1) / layer->pool, tiles = layer->batch * down * across;
    const size_t row = room_for(layer->steps * layer->tile_columns * layer->channels * size);
    const ptrdiff_t shares = shares_of(tiles, layer->steps * layer->neurons, threads);
    int failed = 0;
#pragma omp parallel for num_threads((int)shares) schedule(static, 1) reduction(| : failed)
    for (ptrdiff_t share = 0; share < shares; share++) {
        const size_t end = tiles * (size_t)(share + 1) / (size_t)shares;
        void *memory = aligned_alloc(64, (layer->pool + 2) * row + room_for(bytes_per_group));
        failed |= !memory;
        for (size_t index = tiles * (size_t)share / (size_t)shares; memory && index < end; index++) {
            const size_t line = index / across, row = line % down * layer->pool, rest = layer->height - row;
            const size_t column = index % across * layer->tile_columns, beyond = layer->width - column;
            const struct tile tile = {line / down, row, rest < layer->pool ? rest : layer->pool, column,
                                      beyond < layer->tile_columns ? beyond : layer->tile_columns};
            kernel(layer, tile, memory);
        }
        free(memory);
    }
    return failed ? -1 : 0;
}

/* Generation of x86-64 whose copy of a kernel runs here: 0 any, 1 with AVX2 and FMA, 2 with AVX-512. */
EXPORT int scan_generation(void);

/* SCAN_KERNEL makes an entry point for native.py, <name>_entry, of a range kernel that takes one argument more: `fused`,
 * whether FMA is one instruction. It compiles a copy for each generation of processors and chooses as it is called.
 * FORWARD_KERNEL and BACKWARD_KERNEL make, beside it, <name>_layer_entry: the same with what is around the neurons. */
#define SCAN_KERNEL(name, bytes_per_group) EACH_COPY(SCAN_COPY, name) SCAN_ENTRY(name, bytes_per_group)
#define FORWARD_KERNEL(name, bytes_per_group)                                                                          \
    SCAN_KERNEL(name, bytes_per_group) EACH_COPY(FORWARD_COPY, name) LAYER_ENTRY(name, bytes_per_group)
#define BACKWARD_KERNEL(name, bytes_per_group)                                                                         \
    SCAN_KERNEL(name, bytes_per_group) EACH_COPY(BACKWARD_COPY, name) LAYER_ENTRY(name, bytes_per_group)

#define SCAN_COPY(name, copy, fused, ...) SCAN_COPY_OF(name, copy, fused, __VA_ARGS__) /* once `name` is expanded */
#define SCAN_COPY_OF(name, copy, fused, ...)                                                                           \
    __VA_ARGS__ static void name##_##copy(RANGE_ARGUMENTS) { name(scan, first, lanes, scratch, fused); }
#define FORWARD_COPY(name, copy, fused, ...) FORWARD_COPY_OF(name, copy, __VA_ARGS__)
#define FORWARD_COPY_OF(name, copy, ...)                                                                               \
    __VA_ARGS__ static void name##_layer_##copy(const struct layer *layer, struct tile tile, void *memory)             \
    {                                                                                                                  \
        TYPED(forward_tile)(layer, tile, memory, name##_##copy);                                                       \
    }
#define BACKWARD_COPY(name, copy, fused, ...) BACKWARD_COPY_OF(name, copy, fused, __VA_ARGS__)
#define BACKWARD_COPY_OF(name, copy, fused, ...)                                                                       \
    __VA_ARGS__ static void name##_layer_##copy(const struct layer *layer, struct tile tile, void *memory)             \
    {                                                                                                                  \
        TYPED(backward_tile)(layer, tile, memory, name##_##copy, fused);                                               \
    }

/* Whole arrays lie densely. A large output goes to memory past the caches. */
#define SCAN_ENTRY(name, bytes_per_group) SCAN_ENTRY_OF(name, bytes_per_group)
#define SCAN_ENTRY_OF(name, bytes_per_group)                                                                           \
    EXPORT int name##_entry(size_t steps, size_t neurons, void *const *arrays, const double *numbers, int threads)     \
    {                                                                                                                  \
        static const range_kernel copies[] = {COPIES(name)};                                                           \
        const size_t strides[] = {neurons, neurons, neurons};                                                          \
        const int stream = steps * neurons * sizeof(REAL) > STREAM_BYTES;                                              \
        const struct scan scan = {steps, neurons, arrays, strides, numbers, stream};                                   \
        return run_range(copies[scan_generation()], &scan, bytes_per_group, threads);                                  \
    }

/* sizes: those of struct layer, in its order; numbers: the gain of pooling, then the kernel's. */
#define LAYER_ENTRY(name, bytes_per_group) LAYER_ENTRY_OF(name, bytes_per_group)
#define LAYER_ENTRY_OF(name, bytes_per_group)                                                                          \
    EXPORT int name##_layer_entry(const size_t *sizes, void *const *arrays, const double *numbers, int threads)        \
    {                                                                                                                  \
        static const tile_kernel copies[] = {COPIES(name##_layer)};                                                    \
        const size_t steps = sizes[0];                                                                                 \
        struct layer layer = {steps,         sizes[1],      sizes[2],      sizes[3], sizes[4],   sizes[5],    (int)sizes[6], \
                              (int)sizes[7], (int)sizes[8], arrays,        numbers[0], numbers + 1, 0,         0,  0};       \
        return run_layer(copies[scan_generation()], &layer, sizeof(REAL), bytes_per_group, threads);                   \
    }

#if defined(__x86_64__)
#define COPIES(name) name##_any, name##_avx2, name##_avx512
#define EACH_COPY(copy, name)                                                                                          \
    copy(name, avx512, 1, __attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))))                               \
        copy(name, avx2, 1, __attribute__((target("avx2,fma")))) copy(name, any, 0, )
#else
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#define COPIES(name) name##_any
#define EACH_COPY(copy, name) copy(name, any, HAS_FMA, )
#endif

#endif
