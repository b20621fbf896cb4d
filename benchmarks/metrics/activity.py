"""How much a network spikes: silent neurons and firing rates."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from tssl_core.layers import SpikingLayer


@dataclass(frozen=True)
class Activity:
    """How much a network spikes; fractions in [0, 1].

    Parameters
    ----------
    silent_fraction : float
        Pairs of a sample and a hidden neuron without a spike in the whole window, over all such pairs.
    silent_fraction_with_output : float
        The same, output layer included if it spikes.
    never_fraction : float
        Hidden neurons without a spike for any sample, over all hidden neurons.
    firing_rate : float
        Spikes a hidden neuron and time step.
    """

    silent_fraction: float
    silent_fraction_with_output: float
    never_fraction: float
    firing_rate: float


class ActivityMeter:
    """Counts the spikes of every spiking layer while a model is evaluated.

    The input has no neurons, and pooling only those that a method gives it, which then count.

    Parameters
    ----------
    model : nn.Module
        Its spiking layers are found.
    spiking_output : bool
        Whether the last spiking layer is the output layer, and not a hidden one.
    """

    def __init__(self, model: nn.Module, *, spiking_output: bool = True) -> None:
        self._layers = [module for module in model.modules() if isinstance(module, SpikingLayer)]
        self._hidden = len(self._layers) - spiking_output
        self._silent = [0] * len(self._layers)
        self._pairs = [0] * len(self._layers)
        self._spikes = [0] * len(self._layers)
        self._opportunities = [0] * len(self._layers)
        self._ever: list[Tensor | None] = [None] * len(self._layers)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what the layers do inside the block."""
        hooks = [
            layer.register_forward_hook(lambda _module, _inputs, output, index=index: self._count(index, output))
            for index, layer in enumerate(self._layers)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _count(self, index: int, output: Tensor) -> None:
        spikes = self._layers[index].spikes(output)
        counts = spikes.sum(0)
        fired = counts > 0
        self._silent[index] += int((~fired).sum())
        self._pairs[index] += fired.numel()
        self._spikes[index] += int(counts.sum())
        self._opportunities[index] += spikes.numel()
        ever = fired.any(0)
        before = self._ever[index]
        self._ever[index] = ever if before is None else before | ever

    def result(self) -> Activity | None:
        """Return the activity so far, None for a model without spiking hidden layers."""
        hidden = self._hidden
        if hidden < 1 or not self._pairs[0]:
            return None
        never = [~ever for ever in self._ever[:hidden] if ever is not None]
        return Activity(
            silent_fraction=sum(self._silent[:hidden]) / sum(self._pairs[:hidden]),
            silent_fraction_with_output=sum(self._silent) / sum(self._pairs),
            never_fraction=sum(int(layer.sum()) for layer in never) / sum(layer.numel() for layer in never),
            firing_rate=sum(self._spikes[:hidden]) / sum(self._opportunities[:hidden]),
        )
