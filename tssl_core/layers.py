"""Building blocks of the networks; tensors are time first, ``[T, B, ...]``."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tssl_core.architecture import Conv, Dense, InitialWeights, InputShape
from tssl_core.kernels import SPIKING_PSC
from tssl_core.kernels.fusion import NOTHING, Fusion
from tssl_core.kernels.scan import Scan
from tssl_core.maps import sum_pool
from tssl_core.params import LIFParams, TSSLParams
from tssl_core.psc import spikes_from_psc

SUM_POOL_GAIN = 1.1
"""Factor on the sum over a pooling window (authors' code, taken from SLAYER's 1.1 theta)."""


class SpikingLayer(nn.Module, ABC):
    """A layer of spiking neurons, whatever signal it hands on to the next layer.

    Attributes
    ----------
    fuses : bool
        Whether `forward` takes a `Fusion` after the current, and does what is around the neurons, too.
    """

    fuses: ClassVar[bool] = False

    @abstractmethod
    def spikes(self, output: Tensor) -> Tensor:
        """Tell from the layer's output ``[T, B, ...]`` where its neurons spiked; same shape, 0 or 1 or bool."""


class TSSLNeuron(SpikingLayer):
    """LIF neurons whose output is their PSC, trained by TSSL-BP; see `spiking_psc`."""

    fuses = True
    scan: ClassVar[Scan] = SPIKING_PSC

    def __init__(self, lif: LIFParams, tssl: TSSLParams, *, backend: str = "auto") -> None:
        super().__init__()
        self.lif, self.tssl, self.backend = lif, tssl, backend

    def forward(self, current: Tensor, fusion: Fusion = NOTHING) -> Tensor:
        """Return the PSC ``[T, B, ...]`` of an input current of that shape."""
        return self.scan(current, self.lif, self.tssl, backend=self.backend, fusion=fusion)

    def spikes(self, output: Tensor) -> Tensor:
        """Recover the spikes from the PSC."""
        return spikes_from_psc(output, self.lif.tau_s)


class SumPool(nn.Module):
    """Sum over squares that do not overlap, times a gain, 1.1 in the authors' code; no neurons."""

    def __init__(self, size: int, *, gain: float = SUM_POOL_GAIN) -> None:
        super().__init__()
        self.size, self.gain = size, gain

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``[N, C, H, W]``; an incomplete border is left out."""
        return sum_pool(x, self.size, self.gain)


class TimeConstantDropout(nn.Module):
    """Dropout whose mask is the same in every time step.

    One draw a neuron behind fully connected layers; behind convolutions one draw a channel and row, as the
    authors' code does by calling ``dropout3d`` on ``[B, C H, W, 1, 1, T]``.

    Parameters
    ----------
    rate : float
        Probability that a value is set to 0; the others are scaled by ``1 / (1 - rate)``.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of ``[T, B, N]`` or ``[T, B, C, H, W]`` in training mode."""
        factors = self.factors(x.shape, x)
        return x if factors is None else x * factors

    def factors(self, shape: Sequence[int], like: Tensor) -> Tensor | None:
        """Draw the factors of values of a shape, ``[1, B, N]`` or ``[1, B, C, H, 1]``; None if nothing is."""
        if not self.training or self.rate == 0:
            return None
        own = (1, *shape[1:]) if len(shape) == 3 else (1, *shape[1:4], 1)
        return F.dropout(torch.ones(own, dtype=like.dtype, device=like.device), self.rate)


class TimeFirst(nn.Module):
    """Apply a module without state to all time steps in one call, on ``[T B, ...]``."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[T, B, ...]`` to ``[T, B, ...]``."""
        whole = x.flatten(0, 1)
        output = _channels_last(self.module(whole if self.flattens else _channels_last(whole)))
        return output.reshape(*x.shape[:2], *output.shape[1:])

    @property
    def flattens(self) -> bool:
        """Whether it takes feature maps as so many values."""
        return isinstance(self.module, nn.Sequential) and isinstance(self.module[0], nn.Flatten)


def _channels_last(x: Tensor) -> Tensor:
    """Put feature maps into the order in which kernels do a layer's neurons and pooling in one pass.

    Convolutions take no longer with it on the CPU, and on a GPU less in 16 bits. Not only what goes into one: with a
    single channel it does not see the order and gives back the other.
    """
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def synapse(
    spec: Conv | Dense, input_shape: InputShape, *, initial_weights: InitialWeights = "pytorch_default"
) -> nn.Module:
    """Weights of a layer, without bias, initialised as in the authors' code.

    Convolutions keep PyTorch's default (uniform within 1 / sqrt(fan_in)), as in the authors' code since 2 October 2020
    (8d6913d); with ``kaiming_normal`` they take Kaiming's normal (deviation sqrt(2 / fan_in), sqrt(6) times that of the
    default), as before that day. Fully connected layers always take Kaiming's normal. All are multiplied by the layer's
    weight scale. PyTorch's default is drawn in any case, so that random numbers are used as there.
    """
    channels, height, width = input_shape
    layer: nn.Conv2d | nn.Linear
    if isinstance(spec, Conv):
        layer = nn.Conv2d(channels, spec.channels, spec.kernel, padding=spec.padding, bias=False)
    else:
        layer = nn.Linear(channels * height * width, spec.features, bias=False)
    if initial_weights == "kaiming_normal" or isinstance(spec, Dense):
        nn.init.kaiming_normal_(layer.weight)
    with torch.no_grad():
        layer.weight.mul_(spec.weight_scale)
    return layer


def layers_with_weights(module: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """Every convolution and fully connected layer."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


@torch.no_grad()
def clamp_weights(layers: Iterable[nn.Conv2d | nn.Linear], limit: float) -> None:
    """Clamp the weights of layers to ``[-limit, limit]`` in place."""
    for layer in layers:
        layer.weight.clamp_(-limit, limit)
