"""The linear operations around a layer's neurons, which a fused kernel does in the same pass over memory.

Between two products of a network lie, in this order, the gain of a constant input, the neurons, their dropout, sum
pooling and its dropout. Each is a pass over memory that costs as much as the neurons themselves. `composed` is what
they compute, in plain PyTorch, and what every kernel is held to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from tssl_core.maps import scale_over_time, sum_pool


class Pooling(NamedTuple):
    """Sum over ``size`` x ``size`` windows that do not overlap, times a gain; an incomplete border is left out."""

    size: int
    gain: float


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What happens around the neurons of a layer, first to last; None is nothing.

    Parameters
    ----------
    gain : Tensor, optional
        ``[T]``: the current is given once, ``[1, B, ...]``, and in time step t it is ``gain[t]`` times that.
    dropout : Tensor, optional
        Factors on the neurons' output, the same in each time step: ``[1, B, N]`` behind dense layers, ``[1, B, C, H,
        1]`` behind convolutions.
    pool : Pooling, optional
        For feature maps ``[T, B, C, H, W]`` only.
    pool_dropout : Tensor, optional
        Factors on what pooling gives, ``[1, B, C, H // size, 1]``.
    flat : bool
        Whether a dense layer follows, so that feature maps are best put out with the channels before rows and columns.
    """

    gain: Tensor | None = None
    dropout: Tensor | None = None
    pool: Pooling | None = None
    pool_dropout: Tensor | None = None
    flat: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing beside the neurons."""
        return self.gain is None and not self.on_maps

    @property
    def factors(self) -> tuple[Tensor | None, ...]:
        """Gain and both dropouts."""
        return self.gain, self.dropout, self.pool_dropout

    def steps(self, current: Tensor) -> int:
        """T, the number of time steps."""
        return current.shape[0] if self.gain is None else len(self.gain)

    @property
    def on_maps(self) -> bool:
        """Whether there is something that takes feature maps for what they are, and not for so many neurons."""
        return self.dropout is not None or self.pool is not None or self.flat

    def output_layout(self, current: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape ``[T, B, ...]`` and strides of the output, in the order that the next layer wants."""
        steps = self.steps(current)
        if current.dim() != 5 or not self.on_maps:
            return (steps, *current.shape[1:]), (current.numel() // current.shape[0], *current.stride()[1:])
        _, batch, channels, height, width = current.shape
        size = 1 if self.pool is None else self.pool.size
        height, width = height // size, width // size
        sample = channels * height * width
        inner = (height * width, width, 1) if self.flat else (1, width * channels, channels)
        return (steps, batch, channels, height, width), (batch * sample, sample, *inner)

    def output_like(self, current: Tensor) -> Tensor:
        """Return uninitialised memory for the output."""
        return current.new_empty_strided(*self.output_layout(current))


NOTHING = Fusion()


def composed(neurons: Callable[[Tensor], Tensor], current: Tensor, fusion: Fusion) -> Tensor:
    """Run neurons and what is around them one after the other, each differentiable by itself.

    Parameters
    ----------
    neurons : callable
        Maps ``[T, B, ...]`` to ``[T, B, ...]``.
    current : Tensor
        ``[T, B, ...]``, or ``[1, B, ...]`` with a gain.
    fusion : Fusion
        What is around them.

    Returns
    -------
    Tensor
        ``[T, B, ...]``, pooled where that is asked.
    """
    if fusion.gain is not None:
        current = scale_over_time(current, fusion.gain)
    output = neurons(current)
    if fusion.dropout is not None:
        output = output * fusion.dropout
    if fusion.pool is not None:
        pooled = sum_pool(output.flatten(0, 1), fusion.pool.size, fusion.pool.gain)
        output = pooled.reshape(*output.shape[:2], *pooled.shape[1:])
    if fusion.pool_dropout is not None:
        output = output * fusion.pool_dropout
    return output


def is_channels_last(maps: Tensor) -> bool:
    """Whether feature maps ``[T, B, C, H, W]`` lie in memory as ``[T, B, H, W, C]`` without gaps."""
    return maps.dim() == 5 and maps.movedim(2, -1).is_contiguous()
