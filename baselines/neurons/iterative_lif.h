/* The iterative LIF neuron for one REAL; equations in iterative_lif.py. */

#define NEURON iterative_lif
#define DIFFERENTIABLE

struct OF(neuron) {
    REAL threshold, decay, width, narrowness, peak;
    int smooth, subtract, detach;
};

enum { OF(states) = 1 };

/* Whether the surrogate is the derivative of a logistic function. */
INLINE int OF(kind)(const double *n)
{
    return n[4] != 0;
}

INLINE struct OF(neuron) OF(read)(const double *n, int kind)
{
    return (struct OF(neuron)){(REAL)n[0], (REAL)n[1], (REAL)n[2], (REAL)(1 / n[2]),
                               (REAL)n[3], kind,       n[5] != 0,  n[6] != 0};
}

INLINE REAL OF(start)(struct OF(neuron) neuron)
{
    return (void)neuron, (REAL)0;
}

INLINE int OF(fires)(struct OF(neuron) neuron, REAL u)
{
    return u > neuron.threshold;
}

/* The state is what the last reset has left. */
INLINE REAL OF(step)(struct OF(neuron) neuron, REAL current, REAL (*state)[GROUP], size_t j)
{
    const REAL u = neuron.decay * state[0][j] + current;
    const REAL spike = u > neuron.threshold ? (REAL)1 : (REAL)0;
    /* a product: infinity becomes NaN in the reference */
    state[0][j] = neuron.subtract ? u - neuron.threshold * spike : u * (1 - spike);
    return u;
}

/* The derivative of a logistic function over its peak is 4 e / (1 + e)^2 with e = exp(-|x|). */
INLINE REAL OF(slope)(struct OF(neuron) neuron, REAL distance, int fused)
{
    if (!neuron.smooth)
        return distance < neuron.width ? neuron.peak : (REAL)0;
    const REAL e = JOIN(exponential, of_negative, SUFFIX)(-distance * neuron.narrowness, fused);
    return neuron.peak * (4 * e / ((1 + e) * (1 + e)));
}

/* The adjoint is dL/du of the step after. */
INLINE REAL OF(back)(struct OF(neuron) neuron, REAL u, REAL grad, REAL (*adjoint)[GROUP], size_t j, int fused)
{
    const REAL slope = OF(slope)(neuron, ABS(u - neuron.threshold), fused);
    const REAL through_spike = neuron.detach ? (REAL)0 : slope;
    const REAL unfired = u > neuron.threshold ? (REAL)0 : (REAL)1;
    const REAL kept = neuron.subtract ? 1 - neuron.threshold * through_spike : unfired - u * through_spike;
    return adjoint[0][j] = MULTIPLY_ADD(grad, slope, neuron.decay * kept * adjoint[0][j], fused);
}

#include "spiking.h"
