/* The exponential of a number that is not positive, for one REAL, in plain operations that vectorise. */

#define NEURON exponential /* for OF; no neuron */

/* exp(x) for x <= 0, to a few units in the last place; 0 where that is below the smallest normal number.
 *
 * With n the integer nearest to x / ln 2, it is 2^n times the Taylor series at x - n ln 2, which is at most 0.35. Adding
 * 1.5 2^MANTISSA rounds to an integer and leaves it in the low bits; shifted up they are the exponent of 2^n. */
INLINE REAL OF(of_negative)(REAL x, int fused)
{
    static const REAL inverse_factorials[] = {
        1.0 / 1.0,         1.0 / 1.0,          1.0 / 2.0,           1.0 / 6.0,         1.0 / 24.0,
        1.0 / 120.0,       1.0 / 720.0,        1.0 / 5040.0,        1.0 / 40320.0,     1.0 / 362880.0,
        1.0 / 3628800.0,   1.0 / 39916800.0,   1.0 / 479001600.0,   1.0 / 6227020800.0};
    const REAL rounder = (REAL)((BITS)3 << (MANTISSA - 1)), least = (REAL)(1 - BIAS) * (REAL)0.6931;
    const REAL ln2_high = (REAL)0x1.62e4p-1, ln2_low = (REAL)1.4286068203094172321e-6; /* high times n is exact */
    const REAL shifted = x * (REAL)1.4426950408889634074 + rounder, n = shifted - rounder;
    const REAL rest = MULTIPLY_ADD(n, -ln2_low, MULTIPLY_ADD(n, -ln2_high, x, fused), fused);
    REAL sum = inverse_factorials[TERMS - 1], power;
#pragma GCC unroll 16
    for (int k = TERMS - 2; k >= 0; k--)
        sum = MULTIPLY_ADD(sum, rest, inverse_factorials[k], fused);
    BITS bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << MANTISSA) + ((BITS)BIAS << MANTISSA);
    memcpy(&power, &bits, sizeof power);
    return x < least ? (REAL)0 : sum * power;
}

#undef NEURON
