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


def forward(current: Tensor, lif: LIFParams, tssl: TSSLParams, fusion: Fusion) -> tuple[Tensor, Tensor | None]:
    """Return the PSC of `current`, see `tssl_core.reference.forward`, and for the ``layer`` gate the spikes' number."""
    count = torch.zeros(1, dtype=torch.int64) if tssl.gate == "layer" else None
    return LIBRARY.forward("tssl_forward", current, _neuron(lif), fusion, count), count


def backward(
    grad_psc: Tensor,
    current: Tensor,
    spikes: Tensor | None,
    lif: LIFParams,
    tssl: TSSLParams,
    fusion: Fusion,
    *,
    reset_matrix: bool = False,
) -> Tensor:
    """Return dL/dI; see `tssl_core.reference.backward`, or with `reset_matrix` `tssl_core.reset_matrix.backward`."""
    takes_surrogate = tssl.gate == "layer" and _spike_rate(current, spikes, lif, tssl, fusion) <= tssl.layer_rate
    numbers = (*_neuron(lif), gate_below(lif, tssl, takes_surrogate), *Coefficients.of(lif, tssl))
    kernel = "tssl_reset_matrix_backward" if reset_matrix else "tssl_backward"
    return LIBRARY.backward(kernel, grad_psc, current, numbers, fusion)


def _neuron(lif: LIFParams) -> tuple[float, ...]:
    return *LIBRARY.divisor(lif.tau_m), *LIBRARY.divisor(lif.tau_s), lif.threshold


def _spike_rate(current: Tensor, spikes: Tensor | None, lif: LIFParams, tssl: TSSLParams, fusion: Fusion) -> float:
    """Spikes a neuron and time step; counted again if the forward pass has not."""
    if spikes is None:
        spikes = forward(current, lif, tssl, fusion)[1]
        assert spikes is not None, "the gate is that of a layer"
    steps = fusion.steps(current) / current.shape[0]
    return spikes.item() / max(current.numel() * steps, 1)
