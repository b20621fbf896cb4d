/* Every neuron for one type; included by neurons.c once a type, so without a guard. */

#include "exponential.h"
#include "layer.h"

#include "integrate_and_fire.h"
#include "iterative_lif.h"
#include "spike_response.h"

#undef REAL
#undef SUFFIX
#undef BITS
#undef MANTISSA
#undef BIAS
#undef TERMS
