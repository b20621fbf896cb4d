"""Scans under ``torch.func``: in the form that ``grad`` and ``vmap`` ask for, which takes PyTorch longer to call."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tssl_core.kernels.fusion import NOTHING

if TYPE_CHECKING:
    from tssl_core.kernels.scan import Backend

NO_SECOND_DERIVATIVE = "the gradient of spiking neurons has no derivative of its own; expected no create_graph=True"


def transformable(current: Tensor, parameters: tuple[object, ...], backend: "Backend") -> Tensor:
    """Run a scan so that it can be transformed."""
    output: Tensor = _Transformable.apply(current, parameters, backend)
    return output


class _Transformable(torch.autograd.Function):
    @staticmethod
    def forward(current: Tensor, parameters: tuple[object, ...], backend: "Backend") -> Tensor:
        return backend.forward(current.contiguous(), *parameters, NOTHING)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        current, *ctx.call = inputs
        ctx.save_for_backward(current)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Gradient.apply(*gradients, *ctx.saved_tensors, *ctx.call), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Tensor, int]:
        return _one_by_one(_Transformable.apply, info, in_dims, arguments)


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(grad_output: Tensor, current: Tensor, parameters: tuple[object, ...], backend: "Backend") -> Tensor:
        return backend.gradient(grad_output.contiguous(), current.contiguous(), None, parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG004
        raise RuntimeError(NO_SECOND_DERIVATIVE)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Tensor, int]:
        return _one_by_one(_Gradient.apply, info, in_dims, arguments)


def _one_by_one(
    function: Callable[..., Tensor], info: Any, in_dims: tuple[Any, ...], arguments: tuple[Any, ...]
) -> tuple[Tensor, int]:
    """Call a function sample by sample, as a neuron may depend on its whole layer."""
    columns = [
        argument.unbind(dim) if isinstance(dim, int) else [argument] * info.batch_size
        for argument, dim in zip(arguments, in_dims, strict=True)
    ]
    return torch.stack([function(*sample) for sample in zip(*columns, strict=True)]), 0
