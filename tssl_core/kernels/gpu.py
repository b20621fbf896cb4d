"""The TSSL-BP neuron in Triton: CUDA tensors of float32, float16 or bfloat16, with the state in float32.

In float32 its spikes are those of the reference on the CPU. The reference on a GPU can differ in a few, because there
PyTorch multiplies by the reciprocal instead of dividing by a time constant; in half precision it rounds every step.
"""

import math
from typing import Any

import torch
from torch import Tensor

from tssl_core.kernels import gpu_launch
from tssl_core.kernels.fused import Coefficients, gate_below
from tssl_core.kernels.fusion import Fusion
from tssl_core.kernels.gpu_launch import Neuron
from tssl_core.params import LIFParams, TSSLParams
from tssl_core.reference import SURROGATE_ARGUMENT_LIMIT

unavailable = gpu_launch.unavailable


def forward(current: Tensor, lif: LIFParams, tssl: TSSLParams, fusion: Fusion) -> tuple[Tensor, Tensor | None]:
    """Return the PSC of `current`, see `tssl_core.reference.forward`, and for the ``layer`` gate the number of spikes.

    That number is one int64 on the device, so that nothing waits for it.
    """
    numbers, flags = _neuron(lif, current.device)
    count = torch.zeros(1, dtype=torch.int64, device=current.device) if tssl.gate == "layer" else None
    psc = gpu_launch.forward(_functions(), current, fusion, (numbers,), flags, count)
    return psc, count


def backward(
    grad_psc: Tensor,
    current: Tensor,
    kept: Tensor | None,
    lif: LIFParams,
    tssl: TSSLParams,
    fusion: Fusion,
    *,
    reset_matrix: bool = False,
) -> Tensor:
    """Return dL/dI; see `tssl_core.reference.backward`.

    Parameters
    ----------
    grad_psc, current : Tensor
        dL/da and the input of the forward pass.
    kept : Tensor, optional
        What `forward` returned besides; the spikes are counted again where it is None and the gate wants them.
    lif, tssl, fusion
        As in the forward pass.
    reset_matrix : bool
        Whether to add the intra-neuron term of September 2020, see `tssl_core.reset_matrix`, to the error; `tssl` has
        to have the other one off.
    """
    functions, (numbers, flags) = _functions(), _neuron(lif, current.device)
    gate: tuple[object, object] = gate_below(lif, tssl, True), 0
    if tssl.gate == "layer":
        if kept is None:
            kept = gpu_launch.count_spikes(functions, current, fusion, (numbers,), flags)
        neurons = current.numel() // current.shape[0] * fusion.steps(current)
        gate = kept, most_spikes(neurons, tssl.layer_rate)
    intra = 2 if reset_matrix else int(tssl.intra_neuron)
    arguments = (numbers, gate, _gradient(lif, tssl, reset_matrix)), (*flags, intra, tssl.gate == "layer")
    return gpu_launch.backward(functions, grad_psc, current, fusion, *arguments)


def _neuron(lif: LIFParams, device: torch.device) -> tuple[tuple[object, ...], tuple[bool, bool]]:
    """Numbers and flags of a step."""
    tau_m, multiplies_m = gpu_launch.divisor(lif.tau_m, device)
    tau_s, multiplies_s = gpu_launch.divisor(lif.tau_s, device)
    return (tau_m, tau_s, float(lif.threshold)), (multiplies_m, multiplies_s)


def _gradient(lif: LIFParams, tssl: TSSLParams, reset_matrix: bool) -> tuple[float, ...]:
    """Numbers of the backward pass, as ``record`` of ``gpu_kernels.py`` unpacks them.

    At x = (u - threshold) / width the surrogate's derivative is e / (width (1 + e)^2) with e = exp(-|x|).
    """
    coefficients = Coefficients.of(lif, tssl)
    return (
        math.log2(math.e) / tssl.surrogate_width,
        math.log2(math.e) * SURROGATE_ARGUMENT_LIMIT,
        coefficients.psc_gain / tssl.surrogate_width,
        coefficients.psc_gain,
        float(coefficients.weight_min),
        float(coefficients.weight_max),
        coefficients.psc_decay,
        1 - 1 / lif.tau_m if reset_matrix else coefficients.leak,
        1 / lif.tau_m if reset_matrix else coefficients.reset,
    )


def most_spikes(updates: int, rate: float) -> int:
    """Return how many of so many updates may be spikes so that their rate is at most `rate`."""
    most = math.floor(min(rate, 1.0) * updates)
    # The product may be rounded past a whole number that the quotient is not.
    return next((count for count in (most + 1, most, most - 1) if count / max(updates, 1) <= rate), -1)


def _of_module(kernels: Any) -> Neuron:
    return Neuron(kernels.rest, kernels.step, kernels.prepare, kernels.record, kernels.adjoint, states=2, carries=2)


_functions = gpu_launch.functions_of("tssl_core.kernels.gpu_kernels", _of_module)
