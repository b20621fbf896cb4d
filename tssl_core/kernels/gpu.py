"""The TSSL-BP neuron in Triton: CUDA tensors of float32, float16 or bfloat16, with the state in float32.

In float32 its spikes are those of the reference on the CPU. The reference on a GPU can differ in a few, because there
PyTorch multiplies by the reciprocal instead of dividing by a time constant; in half precision it rounds every step.
"""

import functools
import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tssl_core.kernels.fused import Coefficients, gate_below
from tssl_core.kernels.fusion import Fusion
from tssl_core.params import LIFParams, TSSLParams

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_BLOCK = 256
"""Neurons a program."""


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Tell why Triton's kernels cannot run on a device and dtype, or return None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed; it comes with PyTorch's builds for CUDA on Linux"
    if device.type != "cuda" and not (device.type == "cpu" and _kernels().INTERPRETED):
        there = "" if torch.cuda.is_available() else ", and PyTorch finds none here"
        return f"the tensor is on {device}; expected one on a CUDA device{there}"
    if dtype not in _DTYPES:
        return f"the tensor is {dtype}; expected one of {', '.join(map(str, _DTYPES))}"
    return None


def forward(current: Tensor, lif: LIFParams, _tssl: TSSLParams, _fusion: Fusion) -> tuple[Tensor, None]:
    """Return the PSC of `current`; see `tssl_core.reference.forward`."""
    psc = torch.empty_like(current)
    launch(_kernels().forward_kernel, current, (current, psc), _neuron(lif))
    return psc, None


def backward(
    grad_psc: Tensor, current: Tensor, _kept: None, lif: LIFParams, tssl: TSSLParams, _fusion: Fusion
) -> Tensor:
    """Return dL/dI; see `tssl_core.reference.backward`."""
    grad_current = torch.empty_like(current)
    weights, factors = (torch.empty_like(current, dtype=torch.float32) for _ in range(2))
    arrays = (grad_psc, current, grad_current, weights, factors, _gate(current, lif, tssl))
    launch(_kernels().backward_kernel, current, arrays, (*_neuron(lif), *Coefficients.of(lif, tssl)))
    return grad_current


def _gate(current: Tensor, lif: LIFParams, tssl: TSSLParams) -> Tensor:
    """`gate_below` as one number on the device, so that the ``layer`` gate need not wait for its spike rate."""
    low = torch.full((1,), gate_below(lif, tssl, True), dtype=torch.float32, device=current.device)
    if tssl.gate != "layer":
        return low
    count = torch.zeros(1, dtype=torch.int64, device=current.device)
    launch(_kernels().count_kernel, current, (current, count), _neuron(lif))
    return torch.where(count.double() / current.numel() <= tssl.layer_rate, low, gate_below(lif, tssl, False))


def launch(kernel: Any, current: Tensor, arrays: Sequence[Tensor], numbers: Sequence[float], **options: object) -> None:
    """Run a Triton kernel ``(*arrays, steps, neurons, *numbers, BLOCK)``, one program for each block of neurons.

    Parameters
    ----------
    kernel : triton.JITFunction
        The kernel.
    current : Tensor
        ``[T, ...]``; sets the number of steps and of neurons, and the device.
    arrays : sequence of Tensor
        What the kernel reads and writes, contiguous.
    numbers : sequence of float
        The kernel's parameters; in float32 there.
    **options
        For Triton's compiler.
    """
    steps = current.shape[0]
    neurons = current.numel() // steps
    if neurons:
        with torch.cuda.device_of(current):
            programs = (neurons + _BLOCK - 1) // _BLOCK
            kernel[(programs,)](*arrays, steps, neurons, *map(float, numbers), BLOCK=_BLOCK, **options)


def _neuron(lif: LIFParams) -> tuple[float, float, float]:
    return lif.tau_m, lif.tau_s, lif.threshold


@functools.cache
def _kernels() -> Any:
    """Import the kernels when they are first needed: Triton takes its time, and may not be there."""
    return importlib.import_module("tssl_core.kernels.gpu_kernels")
