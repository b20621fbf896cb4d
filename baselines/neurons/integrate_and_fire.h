/* The integrate-and-fire neuron for one REAL, forwards only; equations in integrate_and_fire.py. */

#define NEURON integrate_and_fire

struct OF(neuron) {
    REAL threshold, initial;
};

enum { OF(states) = 1 };

INLINE int OF(kind)(const double *n)
{
    return (void)n, 0;
}

INLINE struct OF(neuron) OF(read)(const double *n, int kind)
{
    return (void)kind, (struct OF(neuron)){(REAL)n[0], (REAL)n[1]};
}

INLINE REAL OF(start)(struct OF(neuron) neuron)
{
    return neuron.initial;
}

INLINE int OF(fires)(struct OF(neuron) neuron, REAL u)
{
    return u >= neuron.threshold;
}

INLINE REAL OF(step)(struct OF(neuron) neuron, REAL current, REAL (*state)[GROUP], size_t j)
{
    const REAL u = state[0][j] + current;
    state[0][j] = u >= neuron.threshold ? u - neuron.threshold : u;
    return u;
}

#include "spiking.h"
