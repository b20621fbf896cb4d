/* Range kernels of the TSSL-BP neuron for one REAL; included by cpu.c once a type, so without a guard. */

#define lif NAMED(lif)
#define rule NAMED(rule)
#define step NAMED(step)
#define weight_of NAMED(weight_of)
#define forward_group NAMED(forward_group)
#define forward_groups NAMED(forward_groups)
#define recompute_group NAMED(recompute_group)
#define back_group NAMED(back_group)
#define backward_group NAMED(backward_group)
#define backward_groups NAMED(backward_groups)

struct lif {
    struct divisor tau_m, tau_s;
    REAL threshold;
};

/* gate_below, then fused.py's Coefficients. */
struct rule {
    REAL gate_below, weight_min, weight_max, narrowness, square_limit, surrogate_scale;
    REAL psc_gain, psc_decay, leak, reset;
};

INLINE struct lif NAMED(read_lif)(const double *n)
{
    return (struct lif){read_divisor(n), read_divisor(n + 2), (REAL)n[4]};
}

INLINE struct rule NAMED(read_rule)(const double *n)
{
    return (struct rule){(REAL)n[5],  (REAL)n[6],  (REAL)n[7],  (REAL)n[8],  (REAL)n[9],
                         (REAL)n[10], (REAL)n[11], (REAL)n[12], (REAL)n[13], (REAL)n[14]};
}

/* Whether both quotients of a step can be had by multiplications. */
INLINE int NAMED(multiplies)(const struct scan *scan, int fused)
{
    const struct lif neuron = NAMED(read_lif)(scan->numbers);
    return fused && sizeof(REAL) == sizeof(float) && neuron.tau_m.exact && neuron.tau_s.exact;
}

/* One time step of one neuron: returns u[t], the membrane potential before a possible reset. */
INLINE REAL step(struct lif neuron, REAL current, REAL *delta_u, REAL *membrane, REAL *synapse, int multiply)
{
    *delta_u = current - DIVIDE(*membrane, neuron.tau_m, multiply);
    const REAL u = *membrane + *delta_u;
    const REAL spike = u > neuron.threshold ? (REAL)1 : (REAL)0;
    *membrane = u * (u > neuron.threshold ? (REAL)0 : (REAL)1); /* a product: infinity becomes NaN in the reference */
    *synapse = *synapse + DIVIDE(spike - *synapse, neuron.tau_s, multiply);
    return u;
}

INLINE void forward_group(const struct scan *scan, size_t first, size_t lanes, struct lif neuron, int multiply, int stream,
                          int64_t *spikes)
{
    _Alignas(64) REAL membrane[GROUP] = {0}, synapse[GROUP] = {0}, count[GROUP] = {0}, spare[GROUP], values[GROUP];
    for (size_t t = 0; t < scan->steps; t++) {
        const REAL *row = ROW(scan, 0, t, first);
        const REAL *current = load_row(row, lanes * sizeof(REAL), sizeof spare, spare);
        REAL *psc = output_row(ROW(scan, 1, t, first), lanes, stream, values);
        fetch_row(row + FETCH_AHEAD, sizeof spare);
#pragma omp simd
        for (size_t j = 0; j < GROUP; j++) {
            REAL delta_u;
            const REAL u = step(neuron, current[j], &delta_u, &membrane[j], &synapse[j], multiply);
            psc[j] = synapse[j];
            if (spikes) /* of a neuron that is not there, too: its current is 0 */
                count[j] += u > neuron.threshold ? (REAL)1 : (REAL)0;
        }
        store_row(ROW(scan, 1, t, first), lanes, sizeof(REAL), stream, values);
    }
    for (size_t j = 0; spikes && j < GROUP; j++)
        *spikes += (int64_t)count[j];
}

INLINE void forward_groups(RANGE_ARGUMENTS, int multiply, int stream)
{
    const struct lif neuron = NAMED(read_lif)(scan->numbers);
    int64_t total = 0, *spikes = scan->arrays[2];
    (void)scratch;
    if (spikes) {
        EACH_GROUP(forward_group, neuron, multiply, stream, &total);
#pragma omp atomic
        *spikes += total;
    } else {
        EACH_GROUP(forward_group, neuron, multiply, stream, NULL);
    }
}

/* arrays: current [T, N] in, psc [T, N] out, a number of spikes (one int64) to add to, or none. numbers: those of
 * read_lif. */
INLINE void NAMED(tssl_forward)(RANGE_ARGUMENTS, int fused)
{
    if (!NAMED(multiplies)(scan, fused))
        forward_groups(scan, first, lanes, scratch, 0, 0);
    else if (should_stream(scan, 1, sizeof(REAL)))
        forward_groups(scan, first, lanes, scratch, 1, 1);
    else
        forward_groups(scan, first, lanes, scratch, 1, 0);
}

/* The weight of e[t]. A step needs the surrogate or the slope, never both, so they share the division. */
INLINE REAL weight_of(struct rule rule, REAL above, REAL delta_u, int spike, int gated, int fused)
{
    const REAL square = above * above * rule.narrowness;
    const REAL cosh = NAMED(cosh_root)(square > rule.square_limit ? rule.square_limit : square, fused);
    const REAL quotient = rule.psc_gain / (gated ? rule.surrogate_scale * (cosh * cosh) : delta_u);
    const REAL raised = quotient < rule.weight_min ? rule.weight_min : quotient;
    const REAL slope = raised > rule.weight_max ? rule.weight_max : raised;
    return gated ? -quotient : spike ? slope : (REAL)0;
}

/* Forwards in time: fill trace[t] = {weight of each neuron, factor of each neuron}, and with `resets` a third row: what a
 * spike's reset takes, u / tau_m at spikes (reset_matrix.py). */
INLINE void recompute_group(const struct scan *scan, size_t first, size_t lanes, REAL *trace, int fused, int multiply,
                            int resets)
{
    const struct lif neuron = NAMED(read_lif)(scan->numbers);
    const struct rule rule = NAMED(read_rule)(scan->numbers);
    _Alignas(64) REAL membrane[GROUP] = {0}, synapse[GROUP] = {0}, spare[GROUP];
    for (size_t t = 0; t < scan->steps; t++) {
        const REAL *row = ROW(scan, 1, t, first);
        const REAL *current = load_row(row, lanes * sizeof(REAL), sizeof spare, spare);
        REAL *weight = trace + (2 + resets) * t * GROUP, *factor = weight + GROUP, *taken = factor + GROUP;
        fetch_row(row + FETCH_AHEAD, sizeof spare);
        fetch_row(ROW(scan, 0, t, first) + FETCH_AHEAD, sizeof spare);
#pragma omp simd
        for (size_t j = 0; j < GROUP; j++) {
            REAL delta_u;
            const REAL u = step(neuron, current[j], &delta_u, &membrane[j], &synapse[j], multiply);
            const int spike = u > neuron.threshold, gated = synapse[j] < rule.gate_below;
            weight[j] = weight_of(rule, u - neuron.threshold, delta_u, spike, gated, fused);
            factor[j] = spike && !gated ? weight[j] * u * rule.reset : rule.leak;
            if (resets)
                taken[j] = spike ? DIVIDE(u, neuron.tau_m, multiply) : (REAL)0;
        }
    }
}

/* Backwards in time, from the trace to dL/dI. */
INLINE void back_group(const struct scan *scan, size_t first, size_t lanes, const REAL *trace, int fused, int stream,
                       int resets)
{
    const struct rule rule = NAMED(read_rule)(scan->numbers);
    const REAL leak = (REAL)(1 - 1 / NAMED(read_lif)(scan->numbers).tau_m.value);
    _Alignas(64) REAL error[GROUP] = {0}, theta[GROUP] = {0}, carry[GROUP] = {0}, spare[GROUP], values[GROUP];
    for (size_t t = scan->steps; t-- > 0;) {
        const REAL *grad_psc = load_row(ROW(scan, 0, t, first), lanes * sizeof(REAL), sizeof spare, spare);
        const REAL *weight = trace + (2 + resets) * t * GROUP, *factor = weight + GROUP, *taken = factor + GROUP;
        REAL *grad_current = output_row(ROW(scan, 2, t, first), lanes, stream, values);
#pragma omp simd
        for (size_t j = 0; j < GROUP; j++) {
            REAL grad = grad_psc[j];
            if (resets) {
                const REAL added = taken[j] * carry[j];
                carry[j] = taken[j] != 0 ? grad : leak * carry[j]; /* a spike's u is above the threshold, and so not 0 */
                grad += added;
            }
            error[j] = MULTIPLY_ADD(rule.psc_decay, error[j], grad, fused);
            const REAL inter = weight[j] * error[j];
            theta[j] = MULTIPLY_ADD(factor[j], theta[j], weight[j] < 0 ? (REAL)0 : inter, fused);
            grad_current[j] = weight[j] < 0 ? -inter : theta[j];
        }
        store_row(ROW(scan, 2, t, first), lanes, sizeof(REAL), stream, values);
    }
}

INLINE void backward_group(RANGE_ARGUMENTS, int fused, int multiply, int stream, int resets)
{
    recompute_group(scan, first, lanes, scratch, fused, multiply, resets);
    back_group(scan, first, lanes, scratch, fused, stream, resets);
}

INLINE void backward_groups(RANGE_ARGUMENTS, int fused, int multiply, int stream, int resets)
{
    EACH_GROUP(backward_group, scratch, fused, multiply, stream, resets);
}

/* arrays: dL/da [T, N] in, current [T, N] in, dL/dI [T, N] out. numbers: those of read_lif and read_rule. */
INLINE void NAMED(tssl_backward)(RANGE_ARGUMENTS, int fused)
{
    if (!NAMED(multiplies)(scan, fused))
        backward_groups(scan, first, lanes, scratch, fused, 0, 0, 0);
    else if (should_stream(scan, 2, sizeof(REAL)))
        backward_groups(scan, first, lanes, scratch, fused, 1, 1, 0);
    else
        backward_groups(scan, first, lanes, scratch, fused, 1, 0, 0);
}

/* The same with the reset matrix of September 2020. */
INLINE void NAMED(tssl_reset_matrix_backward)(RANGE_ARGUMENTS, int fused)
{
    if (NAMED(multiplies)(scan, fused))
        backward_groups(scan, first, lanes, scratch, fused, 1, 0, 1);
    else
        backward_groups(scan, first, lanes, scratch, fused, 0, 0, 1);
}

FORWARD_KERNEL(NAMED(tssl_forward), 0)
BACKWARD_KERNEL(NAMED(tssl_backward), 2 * steps * GROUP * sizeof(REAL))
BACKWARD_KERNEL(NAMED(tssl_reset_matrix_backward), 3 * steps * GROUP * sizeof(REAL))

#undef lif
#undef rule
#undef step
#undef weight_of
#undef forward_group
#undef forward_groups
#undef recompute_group
#undef back_group
#undef backward_group
#undef backward_groups
