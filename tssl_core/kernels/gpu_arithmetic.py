"""Arithmetic for neurons in Triton: quotients that are exact without a division, and fast ones that are not."""

import triton
import triton.language as tl


@triton.jit
def divide(x, divisor, MULTIPLY: tl.constexpr):
    """Return x over a ``(value, inverse, rest)``, rounded correctly; see `gpu_launch.divisor`."""
    value, inverse, rest = divisor
    if MULTIPLY:
        quotient = tl.fma(x, inverse, x * rest)
    else:
        quotient = tl.div_rn(x, value)
    return quotient


_INTERPRETED = not any(isinstance(function, triton.runtime.JITFunction) for function in (divide, tl.zeros))
INTERPRETED = tl.constexpr(_INTERPRETED)
"""Whether Triton was set to interpret, before it was imported anywhere; its kernels then take tensors on the CPU."""


@triton.jit
def reciprocal(x):
    """Return 1 / x to one unit in the last place, infinite where x is denormal."""
    if INTERPRETED:
        result = 1.0 / x
    else:  # a division costs five more instructions, which take care of very small and very large numbers
        result = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    return result


@triton.jit
def power_of_two(x):
    """Return 2^x to two units in the last place, 0 where that is denormal."""
    if INTERPRETED:
        result = tl.exp2(x)
    else:  # for the same reason
        result = tl.inline_asm_elementwise(
            "ex2.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    return result


@triton.jit
def count_wrong_quotients(wrong, divisor, BLOCK: tl.constexpr):
    """Add to an int32 for how many of the 2^23 mantissas of float32 multiplications give another quotient."""
    mantissa = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = (mantissa | 0x3F800000).to(tl.float32, bitcast=True)
    differs = divide(x, divisor, True) != divide(x, divisor, False)
    tl.atomic_add(wrong, tl.sum(differs.to(tl.int32)))
