"""The fused backends of the neurons here: C (``neurons.c``) on the CPU, Triton (``gpu_kernels.py``) on a GPU.

A neuron called ``name`` gets them from C kernels ``<name>_forward`` and, if it can be trained, ``<name>_backward``,
from Triton functions ``<name>_rest``, ``_step``, ``_record`` and ``_adjoint``, and from the numbers that these read,
the same in C and in Triton. The spikes of a float32 current are those of the reference on a CPU, in C also those of a
float64 one; gradients agree to rounding.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from tssl_core.kernels import gpu_launch
from tssl_core.kernels.fusion import Fusion
from tssl_core.kernels.gpu_launch import Neuron
from tssl_core.kernels.native import Library
from tssl_core.kernels.scan import Backend

LIBRARY = Library("baselines.neurons")


Numbers = Callable[[Any], tuple[float, ...]]
"""From a neuron's parameters to what its kernels take."""


def backends(
    name: str, numbers: Numbers, *, differentiable: bool = True, states: int = 1, carries: int = 1
) -> tuple[Backend, Backend]:
    """Make both backends of a neuron.

    Parameters
    ----------
    name : str
        What the kernels are called by.
    numbers : callable
        From the neuron's parameters to the numbers that ``read`` in its header takes, and its Triton kernels.
    differentiable : bool
        Whether there are kernels for the backward pass.
    states, carries : int
        Numbers that a step leaves to the next one in Triton, and to the one before in the backward pass.
    """
    return _compiled(name, numbers, differentiable), _triton(name, numbers, differentiable, states, carries)


def _compiled(name: str, numbers: Numbers, differentiable: bool) -> Backend:
    def forward(current: Tensor, params: object, fusion: Fusion) -> tuple[Tensor, None]:
        return LIBRARY.forward(f"{name}_forward", current, numbers(params), fusion), None

    def backward(grad_spikes: Tensor, current: Tensor, _kept: None, params: object, fusion: Fusion) -> Tensor:
        return LIBRARY.backward(f"{name}_backward", grad_spikes, current, numbers(params), fusion)

    return Backend("cpu", "cpu", LIBRARY.unavailable, forward, backward if differentiable else None)


def _triton(name: str, numbers: Numbers, differentiable: bool, states: int, carries: int) -> Backend:
    def of_module(kernels: Any) -> Neuron:
        rest, step = getattr(kernels, f"{name}_rest"), getattr(kernels, f"{name}_step")
        if not differentiable:
            return Neuron(rest, step)
        record, adjoint = getattr(kernels, f"{name}_record"), getattr(kernels, f"{name}_adjoint")
        return Neuron(rest, step, kernels.prepare, record, adjoint, states, carries)

    functions = gpu_launch.functions_of("baselines.neurons.gpu_kernels", of_module)

    def forward(current: Tensor, params: object, fusion: Fusion) -> tuple[Tensor, None]:
        return gpu_launch.forward(functions(), current, fusion, tuple(map(float, numbers(params))), ()), None

    def backward(grad_spikes: Tensor, current: Tensor, _kept: None, params: object, fusion: Fusion) -> Tensor:
        return gpu_launch.backward(functions(), grad_spikes, current, fusion, tuple(map(float, numbers(params))), ())

    return Backend("triton", "cuda", gpu_launch.unavailable, forward, backward if differentiable else None)
