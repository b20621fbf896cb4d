"""The TSSL-BP neuron in C (``cpu.c``): float32, vectorised across neurons, and float64.

The forward pass gives the very bits of the reference; the backward pass agrees to rounding.
"""

import torch
from torch import Tensor

from tssl_core.kernels.fused import Coefficients, gate_below
from tssl_core.kernels.fusion import Fusion
from tssl_core.kernels.native import Library
from tssl_core.params import LIFParams, TSSLParams

LIBRARY = Library("tssl_core.kernels")


def forward(current: Tensor, lif: LIFParams, _tssl: TSSLParams, _fusion: Fusion) -> tuple[Tensor, None]:
    """Return the PSC of `current`; see `tssl_core.reference.forward`."""
    psc = LIBRARY.output_like(current)
    LIBRARY.run("tssl_forward", (current, psc), _neuron(lif))
    return psc, None


def backward(
    grad_psc: Tensor, current: Tensor, _kept: None, lif: LIFParams, tssl: TSSLParams, _fusion: Fusion
) -> Tensor:
    """Return dL/dI; see `tssl_core.reference.backward`."""
    takes_surrogate = tssl.gate == "layer" and _spike_rate(current, lif) <= tssl.layer_rate
    numbers = (*_neuron(lif), gate_below(lif, tssl, takes_surrogate), *Coefficients.of(lif, tssl))
    grad_current = LIBRARY.output_like(current)
    LIBRARY.run("tssl_backward", (grad_psc, current, grad_current), numbers)
    return grad_current


def _neuron(lif: LIFParams) -> tuple[float, ...]:
    return *LIBRARY.divisor(lif.tau_m), *LIBRARY.divisor(lif.tau_s), lif.threshold


def _spike_rate(current: Tensor, lif: LIFParams) -> float:
    count = torch.zeros(1, dtype=torch.int64)
    LIBRARY.run("tssl_count_spikes", (current, count), _neuron(lif))
    return count.item() / max(current.numel(), 1)
