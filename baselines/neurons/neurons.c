/* The baselines' neurons on the CPU, for float32 and float64; equations in the Python file of each neuron.
 *
 * A neuron's header says what one step does forwards and, where it can be trained, backwards; spiking.h makes kernels
 * of that. The forward pass keeps the reference's order of operations, and setup.py keeps the compiler from
 * contracting them, so spikes are equal bit for bit.
 */
#include "scan.h"

#define JOIN(neuron, part, suffix) JOIN_EXPANDED(neuron, part, suffix)
#define JOIN_EXPANDED(neuron, part, suffix) neuron##_##part##_##suffix
#define OF(part) JOIN(NEURON, part, SUFFIX) /* a name of this neuron's, in this type */

#define ABS(x) _Generic((x), float : __builtin_fabsf, double : __builtin_fabs)(x)

#define REAL float
#define SUFFIX f32
#define BITS uint32_t
#define MANTISSA 23 /* bits of the fraction */
#define BIAS 127    /* of the exponent */
#define TERMS 8     /* of the exponential's series */
#include "neurons.h"

#define REAL double
#define SUFFIX f64
#define BITS uint64_t
#define MANTISSA 52
#define BIAS 1023
#define TERMS 14
#include "neurons.h"
