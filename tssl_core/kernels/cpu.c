/* The TSSL-BP neuron on the CPU, for float32 and float64; equations in reference.py, their fused form in fused.py.
 *
 * The forward pass keeps the reference's order of operations and its true divisions, and setup.py keeps the compiler
 * from contracting them, so spikes are equal bit for bit.
 */
#include "scan.h"

/* cosh(sqrt(y)) for y in [0, 16] to the precision of the type. In float this is the polynomial of degree 6 with the
 * least relative error, 7e-8 (weighted least squares at Chebyshev nodes, iterated); it sums in pairs, to be quick. */
INLINE float cosh_root_f32(float y, int fused)
{
    static const float c[] = {1.0000001192092896f,      0.4999992549419403f,      0.04166775569319725f,     0.0013883438659831882f,
                              2.4922126613091677e-05f, 2.6263737140652665e-07f, 2.7387334622375192e-09f};
    const float y2 = y * y, y4 = y2 * y2;
#define PAIR(k) MULTIPLY_ADD(c[k + 1], y, c[k], fused)
    const float low = MULTIPLY_ADD(PAIR(2), y2, PAIR(0), fused);
    const float high = MULTIPLY_ADD(c[6], y2, PAIR(4), fused);
#undef PAIR
    return MULTIPLY_ADD(high, y4, low, fused);
}

/* In double it is the Taylor series, whose terms are 1 / (2 k)!. */
INLINE double cosh_root_f64(double y, int fused)
{
    static const double c[] = {1.0 / 1.0,
                               1.0 / 2.0,
                               1.0 / 24.0,
                               1.0 / 720.0,
                               1.0 / 40320.0,
                               1.0 / 3628800.0,
                               1.0 / 479001600.0,
                               1.0 / 87178291200.0,
                               1.0 / 20922789888000.0,
                               1.0 / 6402373705728000.0,
                               1.0 / 2432902008176640000.0,
                               1.0 / 1124000727777607680000.0,
                               1.0 / 620448401733239439360000.0,
                               1.0 / 403291461126605635584000000.0,
                               1.0 / 304888344611713860501504000000.0,
                               1.0 / 265252859812191058636308480000000.0,
                               1.0 / 263130836933693530167218012160000000.0,
                               1.0 / 295232799039604140847618609643520000000.0};
    double sum = c[17];
    for (int k = 16; k >= 0; k--)
        sum = MULTIPLY_ADD(sum, y, c[k], fused);
    return sum;
}

#define REAL float
#define SUFFIX f32
#define NAMED(name) name##_f32
#include "layer.h"
#include "cpu_block.h"
#undef REAL
#undef SUFFIX
#undef NAMED

#define REAL double
#define SUFFIX f64
#define NAMED(name) name##_f64
#include "layer.h"
#include "cpu_block.h"
