"""Linear maps between products and neurons, with gradients that take one pass over memory."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def is_transformed() -> bool:
    """Whether this is called within ``torch.func.grad``, ``vmap`` or their like, which look into what they call."""
    return not torch.compiler.is_compiling() and bool(torch._C._are_functorch_transforms_active())


def scale_over_time(once: Tensor, gain: Tensor) -> Tensor:
    """Repeat one time step with a factor for each: ``gain[t] once``.

    A matrix product of one column, since its gradient ``sum_t gain[t] g[t]`` is then a product, too: one pass over
    memory in the place of two.

    Parameters
    ----------
    once : Tensor
        ``[1, B, ...]``.
    gain : Tensor
        ``[T]``.

    Returns
    -------
    Tensor
        ``[T, B, ...]``, in the memory order of `once`.
    """
    channels_last = once.dim() == 5 and once.stride(2) == 1
    ordered = once.movedim(2, -1) if channels_last else once
    scaled = (gain[:, None] @ ordered.reshape(1, -1)).reshape(len(gain), *ordered.shape[1:])
    return scaled.movedim(-1, 2) if channels_last else scaled


def sum_pool(x: Tensor, size: int, gain: float) -> Tensor:
    """Sum ``[N, C, H, W]`` over squares that do not overlap, times a gain; an incomplete border is left out."""
    if is_transformed():  # which wants to see what is within
        return F.avg_pool2d(x, size, divisor_override=1) * gain
    pooled: Tensor = _SumPool.apply(x, size, gain)
    return pooled


class _SumPool(torch.autograd.Function):
    """Sum pooling whose gradient, the same for a whole window, is spread out in one pass over memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, gain: float) -> Tensor:
        ctx.shape, ctx.size, ctx.gain = x.shape[-2:], size, gain
        return F.avg_pool2d(x, size, divisor_override=1).mul_(gain)

    @staticmethod
    def backward(ctx: Any, grad_pooled: Tensor) -> tuple[Tensor, None, None]:
        spread = F.interpolate(grad_pooled * ctx.gain, scale_factor=ctx.size, mode="nearest")
        height, width = (whole - part for whole, part in zip(ctx.shape, spread.shape[-2:], strict=True))
        return F.pad(spread, (0, width, 0, height)) if width or height else spread, None, None
