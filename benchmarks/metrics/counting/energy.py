"""Energy of arithmetic, estimated from counts of operations; memory and control, which can cost more, are left out."""

MAC_PICOJOULES = 4.6
AC_PICOJOULES = 0.9
"""A multiplication and addition (3.7 + 0.9), and an addition alone, of 32-bit floating point numbers in a 45 nm process
at 0.9 V (Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9)."""

PICOJOULES_A_NANOJOULE = 1000.0


def energy_nj(*, macs: float, accumulates: float) -> float:
    """Energy in nanojoules of so many multiply-accumulate and accumulate operations."""
    return (MAC_PICOJOULES * macs + AC_PICOJOULES * accumulates) / PICOJOULES_A_NANOJOULE
