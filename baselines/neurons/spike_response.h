/* The spike response neuron for one REAL; equations in spike_response.py. */

#define NEURON spike_response
#define DIFFERENTIABLE

struct OF(neuron) {
    REAL threshold, decay, gain, ref_decay, ref_gain, narrowness, peak;
    int delay;
};

/* p, q, and the same two sums over the neuron's own spikes. */
enum { OF(states) = 4 };

/* Whether a layer responds one step after its input. */
INLINE int OF(kind)(const double *n)
{
    return n[7] != 0;
}

INLINE struct OF(neuron) OF(read)(const double *n, int kind)
{
    return (struct OF(neuron)){(REAL)n[0], (REAL)n[1], (REAL)n[2],       (REAL)n[3],
                               (REAL)n[4], (REAL)(1 / n[5]), (REAL)n[6], kind};
}

INLINE REAL OF(start)(struct OF(neuron) neuron)
{
    return (void)neuron, (REAL)0;
}

INLINE int OF(fires)(struct OF(neuron) neuron, REAL u)
{
    return u >= neuron.threshold;
}

INLINE REAL OF(step)(struct OF(neuron) neuron, REAL current, REAL (*state)[GROUP], size_t j)
{
    const REAL before = state[0][j], p = neuron.decay * before + current;
    const REAL q = neuron.decay * (state[1][j] + (neuron.delay ? before : p));
    const REAL ref_q = neuron.ref_decay * (state[3][j] + state[2][j]);
    const REAL u = neuron.gain * q + neuron.ref_gain * ref_q;
    state[0][j] = p;
    state[1][j] = q;
    state[2][j] = neuron.ref_decay * state[2][j] + (u >= neuron.threshold ? (REAL)1 : (REAL)0);
    state[3][j] = ref_q;
    return u;
}

/* The first two adjoints are p and q of the errors, backwards in time. */
INLINE REAL OF(back)(struct OF(neuron) neuron, REAL u, REAL grad, REAL (*adjoint)[GROUP], size_t j, int fused)
{
    const REAL distance = ABS(u - neuron.threshold);
    const REAL slope = neuron.peak * JOIN(exponential, of_negative, SUFFIX)(-distance * neuron.narrowness, fused);
    const REAL before = adjoint[0][j], p = MULTIPLY_ADD(neuron.decay, before, grad * slope, fused);
    const REAL q = neuron.decay * (adjoint[1][j] + (neuron.delay ? before : p));
    adjoint[0][j] = p;
    adjoint[1][j] = q;
    return neuron.gain * q;
}

#include "spiking.h"
