"""The fused backends of the neurons here: C (``neurons.c``) on the CPU, Triton (``gpu_kernels.py``) on a GPU.

A neuron called ``name`` gets them from kernels ``<name>_forward`` and, if it can be trained, ``<name>_backward``, and
from the numbers that these read, the same in C and in Triton. The spikes of a float32 current are those of the
reference on a CPU, in C also those of a float64 one; gradients agree to rounding.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tssl_core.kernels import gpu
from tssl_core.kernels.fusion import Fusion
from tssl_core.kernels.native import Library
from tssl_core.kernels.scan import Backend

LIBRARY = Library("baselines.neurons")


Numbers = Callable[[Any], tuple[float, ...]]
"""From a neuron's parameters to what its kernels take."""


def backends(name: str, numbers: Numbers, *, differentiable: bool = True) -> tuple[Backend, Backend]:
    """Make both backends of a neuron.

    Parameters
    ----------
    name : str
        What the kernels are called by.
    numbers : callable
        From the neuron's parameters to the numbers that ``read`` in its header takes, and its Triton kernels.
    differentiable : bool
        Whether there are kernels for the backward pass.
    """
    return _compiled(name, numbers, differentiable), _triton(name, numbers, differentiable)


def _compiled(name: str, numbers: Numbers, differentiable: bool) -> Backend:
    def forward(current: Tensor, params: object, fusion: Fusion) -> tuple[Tensor, None]:
        return LIBRARY.forward(f"{name}_forward", current, numbers(params), fusion), None

    def backward(grad_spikes: Tensor, current: Tensor, _kept: None, params: object, fusion: Fusion) -> Tensor:
        return LIBRARY.backward(f"{name}_backward", grad_spikes, current, numbers(params), fusion)

    return Backend("cpu", "cpu", LIBRARY.unavailable, forward, backward if differentiable else None)


def _triton(name: str, numbers: Numbers, differentiable: bool) -> Backend:
    # Without fusing, a product and a sum are rounded apart as in the reference; else spikes would move.
    launch = functools.partial(gpu.launch, enable_fp_fusion=False)

    def forward(current: Tensor, params: object, _fusion: Fusion) -> tuple[Tensor, None]:
        spikes = torch.empty_like(current)
        launch(getattr(_gpu_kernels(), f"{name}_forward"), current, (current, spikes), numbers(params))
        return spikes, None

    def backward(grad_spikes: Tensor, current: Tensor, _kept: None, params: object, _fusion: Fusion) -> Tensor:
        grad_current, potentials = torch.empty_like(current), torch.empty_like(current, dtype=torch.float32)
        arrays = (grad_spikes, current, grad_current, potentials)
        launch(getattr(_gpu_kernels(), f"{name}_backward"), current, arrays, numbers(params))
        return grad_current

    return Backend("triton", "cuda", gpu.unavailable, forward, backward if differentiable else None, fuses=False)


@functools.cache
def _gpu_kernels() -> Any:
    """Import the kernels when they are first needed, as `tssl_core.kernels.gpu` does."""
    return importlib.import_module("baselines.neurons.gpu_kernels")
