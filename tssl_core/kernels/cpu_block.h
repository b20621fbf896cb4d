/* Block kernels of the TSSL-BP neuron for one REAL; included by cpu.c once a type, so without a guard. */

#define STRIP (STRIP_BYTES / sizeof(REAL))
#define lif NAMED(lif)
#define rule NAMED(rule)
#define step NAMED(step)
#define weight_of NAMED(weight_of)
#define recompute NAMED(recompute)
#define scan_back NAMED(scan_back)

struct lif {
    REAL tau_m, tau_s, threshold;
};

/* gate_below, then fused.py's Coefficients. */
struct rule {
    REAL gate_below, weight_min, weight_max, narrowness, square_limit, surrogate_scale;
    REAL psc_gain, psc_decay, leak, reset;
};

INLINE struct lif NAMED(read_lif)(const double *n)
{
    return (struct lif){(REAL)n[0], (REAL)n[1], (REAL)n[2]};
}

INLINE struct rule NAMED(read_rule)(const double *n)
{
    return (struct rule){(REAL)n[3], (REAL)n[4], (REAL)n[5],  (REAL)n[6],  (REAL)n[7],
                         (REAL)n[8], (REAL)n[9], (REAL)n[10], (REAL)n[11], (REAL)n[12]};
}

/* One time step of one neuron: returns u[t], the membrane potential before a possible reset. */
INLINE REAL step(struct lif neuron, REAL current, REAL *delta_u, REAL *membrane, REAL *synapse)
{
    *delta_u = current - *membrane / neuron.tau_m;
    const REAL u = *membrane + *delta_u;
    const REAL spike = u > neuron.threshold ? (REAL)1 : (REAL)0;
    *membrane = u * (u > neuron.threshold ? (REAL)0 : (REAL)1); /* a product: infinity becomes NaN in the reference */
    *synapse = *synapse + (spike - *synapse) / neuron.tau_s;
    return u;
}

/* arrays: current [T, N] in, psc [T, N] out. numbers: those of read_lif. */
CLONES void NAMED(tssl_forward_block)(const struct scan *scan, size_t first, size_t lanes, void *scratch)
{
    const size_t padded = (lanes + STRIP - 1) / STRIP * STRIP;
    const struct lif neuron = NAMED(read_lif)(scan->numbers);
    const int streaming = should_stream(scan, scan->arrays[1], sizeof(REAL));
    _Alignas(64) REAL membrane[MAX_LANES], synapse[MAX_LANES], spare[STRIP], psc[STRIP];
    memset(membrane, 0, padded * sizeof(REAL));
    memset(synapse, 0, padded * sizeof(REAL));
    (void)scratch;
    for (size_t t = 0; t < scan->steps; t++) {
        const REAL *current_row = (const REAL *)scan->arrays[0] + t * scan->neurons + first;
        REAL *psc_row = (REAL *)scan->arrays[1] + t * scan->neurons + first;
        for (size_t i = 0; i < lanes; i += STRIP) {
            const size_t bytes = (lanes - i) * sizeof(REAL);
            const REAL *current = load_strip(current_row + i, bytes, spare);
            FETCH(current_row + i + lanes);
#pragma omp simd
            for (size_t j = 0; j < STRIP; j++) {
                REAL delta_u;
                step(neuron, current[j], &delta_u, &membrane[i + j], &synapse[i + j]);
                psc[j] = synapse[i + j];
            }
            store_strip(psc_row + i, bytes, psc, streaming);
        }
    }
}

/* arrays: current [T, N] in, a number of spikes (one int64) to add to. numbers: those of read_lif. */
CLONES void NAMED(tssl_count_block)(const struct scan *scan, size_t first, size_t lanes, void *scratch)
{
    const size_t padded = (lanes + STRIP - 1) / STRIP * STRIP;
    const struct lif neuron = NAMED(read_lif)(scan->numbers);
    _Alignas(64) REAL membrane[MAX_LANES], synapse[MAX_LANES], count[MAX_LANES], spare[STRIP];
    memset(membrane, 0, padded * sizeof(REAL));
    memset(synapse, 0, padded * sizeof(REAL));
    memset(count, 0, padded * sizeof(REAL));
    int64_t total = 0;
    (void)scratch;
    for (size_t t = 0; t < scan->steps; t++) {
        const REAL *current_row = (const REAL *)scan->arrays[0] + t * scan->neurons + first;
        for (size_t i = 0; i < lanes; i += STRIP) {
            const REAL *current = load_strip(current_row + i, (lanes - i) * sizeof(REAL), spare);
            FETCH(current_row + i + lanes);
#pragma omp simd
            for (size_t j = 0; j < STRIP; j++) {
                REAL delta_u;
                const REAL u = step(neuron, current[j], &delta_u, &membrane[i + j], &synapse[i + j]);
                count[i + j] += u > neuron.threshold ? (REAL)1 : (REAL)0;
            }
        }
    }
    for (size_t i = 0; i < lanes; i++)
        total += (int64_t)count[i];
#pragma omp atomic
    *(int64_t *)scan->arrays[1] += total;
}

/* The weight of e[t]. A step needs the surrogate or the slope, never both, so they share the division. */
INLINE REAL weight_of(struct rule rule, REAL above, REAL delta_u, int spike, int gated)
{
    const REAL square = above * above * rule.narrowness;
    const REAL cosh = NAMED(cosh_root)(square > rule.square_limit ? rule.square_limit : square);
    const REAL quotient = rule.psc_gain / (gated ? rule.surrogate_scale * (cosh * cosh) : delta_u);
    const REAL raised = quotient < rule.weight_min ? rule.weight_min : quotient;
    const REAL slope = raised > rule.weight_max ? rule.weight_max : raised;
    return gated ? quotient : spike ? slope : (REAL)0;
}

/* Forwards in time: fill trace[t] = {weight of each lane, mark of each lane}, which first hold delta_u and u. There are
 * two loops because the processor overlaps more of two short chains of slow operations than of a long one. */
INLINE void recompute(const struct scan *scan, size_t first, size_t lanes, size_t padded, REAL *trace)
{
    const struct lif neuron = NAMED(read_lif)(scan->numbers);
    const struct rule rule = NAMED(read_rule)(scan->numbers);
    _Alignas(64) REAL membrane[MAX_LANES], synapse[MAX_LANES], spare[STRIP];
    memset(membrane, 0, padded * sizeof(REAL));
    memset(synapse, 0, padded * sizeof(REAL));
    for (size_t t = 0; t < scan->steps; t++) {
        const size_t row = t * scan->neurons + first;
        const REAL *grad_row = (const REAL *)scan->arrays[0] + row, *current_row = (const REAL *)scan->arrays[1] + row;
        for (size_t i = 0; i < lanes; i += STRIP) {
            const REAL *current = load_strip(current_row + i, (lanes - i) * sizeof(REAL), spare);
            REAL *weight = trace + 2 * t * padded + i, *mark = weight + padded;
            FETCH(current_row + i + lanes);
            FETCH(grad_row + i);
#pragma omp simd
            for (size_t j = 0; j < STRIP; j++) {
                REAL delta_u;
                mark[j] = step(neuron, current[j], &delta_u, &membrane[i + j], &synapse[i + j]);
                weight[j] = delta_u;
            }
        }
        for (size_t i = 0; i < lanes; i += STRIP) {
            REAL *weight = trace + 2 * t * padded + i, *mark = weight + padded;
#pragma omp simd
            for (size_t j = 0; j < STRIP; j++) {
                const REAL u = mark[j];
                const int spike = u > neuron.threshold, gated = synapse[i + j] < rule.gate_below;
                weight[j] = weight_of(rule, u - neuron.threshold, weight[j], spike, gated);
                mark[j] = gated ? (REAL)-1 : spike ? u : (REAL)0;
            }
        }
    }
}

/* Backwards in time, from the trace to dL/dI. */
INLINE void scan_back(const struct scan *scan, size_t first, size_t lanes, size_t padded, const REAL *trace)
{
    const struct rule rule = NAMED(read_rule)(scan->numbers);
    const int streaming = should_stream(scan, scan->arrays[2], sizeof(REAL));
    _Alignas(64) REAL error[MAX_LANES], theta[MAX_LANES], spare[STRIP], grad_current[STRIP];
    memset(error, 0, padded * sizeof(REAL));
    memset(theta, 0, padded * sizeof(REAL));
    for (size_t t = scan->steps; t-- > 0;) {
        const size_t row = t * scan->neurons + first;
        const REAL *grad_row = (const REAL *)scan->arrays[0] + row;
        REAL *out_row = (REAL *)scan->arrays[2] + row;
        for (size_t i = 0; i < lanes; i += STRIP) {
            const size_t bytes = (lanes - i) * sizeof(REAL);
            const REAL *grad_psc = load_strip(grad_row + i, bytes, spare);
            const REAL *weight = trace + 2 * t * padded + i, *mark = weight + padded;
#pragma omp simd
            for (size_t j = 0; j < STRIP; j++) {
                error[i + j] = grad_psc[j] + rule.psc_decay * error[i + j];
                const REAL inter = weight[j] * error[i + j];
                const REAL kept = theta[i + j] * (mark[j] > 0 ? weight[j] * mark[j] * rule.reset : rule.leak);
                theta[i + j] = mark[j] > 0 ? inter + kept : kept;
                grad_current[j] = mark[j] < 0 ? inter : theta[i + j];
            }
            store_strip(out_row + i, bytes, grad_current, streaming);
        }
    }
}

/* arrays: dL/da [T, N] in, current [T, N] in, dL/dI [T, N] out. numbers: those of read_lif and read_rule. */
CLONES void NAMED(tssl_backward_block)(const struct scan *scan, size_t first, size_t lanes, void *scratch)
{
    const size_t padded = (lanes + STRIP - 1) / STRIP * STRIP;
    recompute(scan, first, lanes, padded, scratch);
    scan_back(scan, first, lanes, padded, scratch);
}

SCAN_ENTRY(NAMED(tssl_forward), NAMED(tssl_forward_block), 0)
SCAN_ENTRY(NAMED(tssl_count_spikes), NAMED(tssl_count_block), 0)
SCAN_ENTRY(NAMED(tssl_backward), NAMED(tssl_backward_block), 2 * steps * sizeof(REAL))

#undef STRIP
#undef lif
#undef rule
#undef step
#undef weight_of
#undef recompute
#undef scan_back
