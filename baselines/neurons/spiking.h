/* Kernels of the NEURON whose header includes this: currents [T, N] to spikes [T, N], and back. That header defines
 *
 * struct OF(neuron)       its parameters
 * OF(kind)(numbers)       0 or 1; the kernels are compiled for either
 * OF(read)(numbers, kind) which reads the parameters
 * enum { OF(states) }     the number of its state variables, all 0 before the first step but for
 * OF(start)(neuron)       the first one, which has this value
 * OF(step)(neuron, current, state, j)
 *                         moves neuron j of a group one step on and returns its membrane potential u before any reset
 * OF(fires)(neuron, u)    whether it spikes
 *
 * and if OF(step) has an adjoint, it defines DIFFERENTIABLE and
 *
 * OF(back)(neuron, u, grad, adjoint, j, fused)
 *                         moves as many adjoint variables, 0 after the last step, one step back, and returns dL/dI of
 *                         this step from dL/ds
 */
INLINE void OF(forward_group)(const struct scan *scan, size_t first, size_t lanes, int kind, int stream)
{
    const struct OF(neuron) neuron = OF(read)(scan->numbers, kind);
    _Alignas(64) REAL state[OF(states)][GROUP] = {0}, spare[GROUP], values[GROUP];
    for (size_t j = 0; j < GROUP; j++)
        state[0][j] = OF(start)(neuron);
    for (size_t t = 0; t < scan->steps; t++) {
        const REAL *current = load_row(ROW(scan, 0, t, first), lanes * sizeof(REAL), sizeof spare, spare);
        REAL *spike = output_row(ROW(scan, 1, t, first), lanes, stream, values);
        fetch_row(ROW(scan, 0, t, first) + FETCH_AHEAD, sizeof spare);
#pragma omp simd
        for (size_t j = 0; j < GROUP; j++)
            spike[j] = OF(fires)(neuron, OF(step)(neuron, current[j], state, j)) ? (REAL)1 : (REAL)0;
        store_row(ROW(scan, 1, t, first), lanes, sizeof(REAL), stream, values);
    }
}

/* arrays: current [T, N] in, spikes [T, N] out. */
INLINE void OF(forward)(RANGE_ARGUMENTS, int fused)
{
    const int stream = should_stream(scan, 1, sizeof(REAL));
    (void)scratch, (void)fused;
    if (OF(kind)(scan->numbers))
        EACH_GROUP(OF(forward_group), 1, stream);
    else
        EACH_GROUP(OF(forward_group), 0, stream);
}

FORWARD_KERNEL(OF(forward), 0)

#ifdef DIFFERENTIABLE

/* Forwards in time: fill trace[t] with each neuron's u[t]. */
INLINE void OF(recompute_group)(const struct scan *scan, size_t first, size_t lanes, int kind, REAL *trace)
{
    const struct OF(neuron) neuron = OF(read)(scan->numbers, kind);
    _Alignas(64) REAL state[OF(states)][GROUP] = {0}, spare[GROUP];
    for (size_t j = 0; j < GROUP; j++)
        state[0][j] = OF(start)(neuron);
    for (size_t t = 0; t < scan->steps; t++) {
        const REAL *current = load_row(ROW(scan, 1, t, first), lanes * sizeof(REAL), sizeof spare, spare);
        REAL *u = trace + t * GROUP;
        fetch_row(ROW(scan, 1, t, first) + FETCH_AHEAD, sizeof spare);
        fetch_row(ROW(scan, 0, t, first) + FETCH_AHEAD, sizeof spare);
#pragma omp simd
        for (size_t j = 0; j < GROUP; j++)
            u[j] = OF(step)(neuron, current[j], state, j);
    }
}

/* Backwards in time, from the trace to dL/dI. */
INLINE void OF(backward_group)(const struct scan *scan, size_t first, size_t lanes, int kind, REAL *trace, int fused,
                               int stream)
{
    const struct OF(neuron) neuron = OF(read)(scan->numbers, kind);
    _Alignas(64) REAL adjoint[OF(states)][GROUP] = {0}, spare[GROUP], values[GROUP];
    OF(recompute_group)(scan, first, lanes, kind, trace);
    for (size_t t = scan->steps; t-- > 0;) {
        const REAL *grad = load_row(ROW(scan, 0, t, first), lanes * sizeof(REAL), sizeof spare, spare);
        const REAL *u = trace + t * GROUP;
        REAL *grad_current = output_row(ROW(scan, 2, t, first), lanes, stream, values);
#pragma omp simd
        for (size_t j = 0; j < GROUP; j++)
            grad_current[j] = OF(back)(neuron, u[j], grad[j], adjoint, j, fused);
        store_row(ROW(scan, 2, t, first), lanes, sizeof(REAL), stream, values);
    }
}

/* arrays: dL/ds [T, N] in, current [T, N] in, dL/dI [T, N] out. */
INLINE void OF(backward)(RANGE_ARGUMENTS, int fused)
{
    const int stream = should_stream(scan, 2, sizeof(REAL));
    if (OF(kind)(scan->numbers))
        EACH_GROUP(OF(backward_group), 1, scratch, fused, stream);
    else
        EACH_GROUP(OF(backward_group), 0, scratch, fused, stream);
}

BACKWARD_KERNEL(OF(backward), steps * GROUP * sizeof(REAL))

#undef DIFFERENTIABLE
#endif

#undef NEURON
