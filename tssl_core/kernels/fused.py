"""The backward pass of `tssl_core.reference` in the form that the fused kernels compute; shared by C and Triton.

With e[t] = g[t] + (1 - 1/tau_s) e[t+1] the reference's G[t] is e[t] / tau_s. A kernel runs the neuron forwards once
more and keeps, for each step, a weight of e[t] and a factor of theta::

    weight = -surrogate'(u) / tau_s, factor = leak              where the gate takes the surrogate, a[t] < gate_below
    weight = clamp(1 / delta u) / tau_s, factor = weight u reset  at other spikes
    weight = 0, factor = leak                                   at other silent steps

so that the sign of the weight tells where the surrogate is, and then scans backwards::

    theta    = max(weight, 0) e[t] + factor theta
    dL/dI[t] = -weight e[t] where weight < 0, else theta

The logistic surrogate's derivative is 1 / (4 width cosh(x / 2)^2) at x = (u - threshold) / width. The hyperbolic
cosine is a polynomial in (x / 2)^2: ten terms of its Taylor series, or seven fitted ones, are exact in float32 up to
the limit of 8 on x. A GPU has an instruction for e = exp(-|x|), and takes e / (width (1 + e)^2).
"""

import math
from typing import NamedTuple

from tssl_core.params import LIFParams, TSSLParams
from tssl_core.reference import SILENT_PSC, SURROGATE_ARGUMENT_LIMIT


class Coefficients(NamedTuple):
    """What the kernels take after tau_m, tau_s and threshold; cpu_block.h reads them in this order."""

    weight_min: float
    weight_max: float
    """Clamp of 1 / delta u, divided by tau_s."""
    narrowness: float
    """(x / 2)^2 over (u - threshold)^2."""
    square_limit: float
    """The largest (x / 2)^2."""
    surrogate_scale: float
    """4 width."""
    psc_gain: float
    """1 / tau_s."""
    psc_decay: float
    """Factor of e[t+1] in e[t]."""
    leak: float
    """Factor of theta at a silent step; 0 without the intra-neuron term."""
    reset: float
    """Factor of theta at a spike, over weight and u; 0 without the intra-neuron term."""

    @classmethod
    def of(cls, lif: LIFParams, tssl: TSSLParams) -> "Coefficients":
        """Derive them from the parameters."""
        return cls(
            weight_min=tssl.inverse_min / lif.tau_s,
            weight_max=tssl.inverse_max / lif.tau_s,
            narrowness=0.25 / tssl.surrogate_width**2,
            square_limit=SURROGATE_ARGUMENT_LIMIT**2 / 4,
            surrogate_scale=4 * tssl.surrogate_width,
            psc_gain=1 / lif.tau_s,
            psc_decay=1 - 1 / lif.tau_s,
            leak=1 - 1 / lif.tau_m if tssl.intra_neuron else 0.0,
            reset=lif.tau_s / lif.tau_m if tssl.intra_neuron else 0.0,
        )


def gate_below(lif: LIFParams, tssl: TSSLParams, takes_surrogate: bool) -> float:
    """PSC below which the surrogate stands in: infinite where that does not depend on the PSC.

    Parameters
    ----------
    lif, tssl : LIFParams, TSSLParams
        Neuron parameters and gradient variant.
    takes_surrogate : bool
        For the ``layer`` gate, whether the layer's mean spike rate is low enough.
    """
    match tssl.gate:
        case "neuron":
            return SILENT_PSC / lif.tau_s
        case "layer":
            return math.inf if takes_surrogate else -math.inf
        case "always":
            return math.inf
        case "never":
            return -math.inf
