"""How much a network spikes: silent neurons, firing rates, and how often each neuron spikes, by layer and together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tssl_core.layers import SpikingLayer

MOST_SPIKES = 100
"""Last entry of a histogram of spike counts; it stands for so many and more."""

NEURON_SUFFIX = "_neuron"
"""What `tssl_core.Network` puts behind the name of a layer for its neurons."""


@dataclass(frozen=True, kw_only=True)
class LayerActivity:
    """How much one layer spikes; fractions in [0, 1].

    Parameters
    ----------
    name : str
        ``layer1`` is the first layer of the architecture, ``output`` the output layer. Pooling counts as a layer, and
        is listed only where it has neurons.
    hidden : bool
        Whether it is no output layer.
    neurons : int
        How many it has.
    silent_fraction : float
        Pairs of a sample and a neuron without a spike in the whole window, over all such pairs.
    never_fraction : float
        Neurons without a spike for any sample, over all neurons.
    firing_rate : float
        Spikes a neuron and time step.
    spikes_per_sample : float
        Spikes of the whole layer in the whole window, mean over samples.
    spike_counts : tuple of int
        Entry n is the number of pairs of a sample and a neuron with n spikes, n = 0 to T; the last entry of windows
        longer than `MOST_SPIKES` counts those with so many and more.
    """

    name: str
    hidden: bool
    neurons: int
    silent_fraction: float
    never_fraction: float
    firing_rate: float
    spikes_per_sample: float
    spike_counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How much a network spikes; fractions in [0, 1]; defined over all its hidden neurons as a layer's over its own.

    Parameters
    ----------
    silent_fraction, never_fraction, firing_rate : float
        Of the hidden neurons.
    silent_fraction_with_output, never_fraction_with_output : float
        Output layer included if it spikes.
    spikes_per_inference : float
        Spikes of all hidden neurons and of the output layer in the whole window, mean over samples.
    """

    silent_fraction: float
    silent_fraction_with_output: float
    never_fraction: float
    never_fraction_with_output: float
    firing_rate: float
    spikes_per_inference: float


class SpikeCount:
    """Spikes of one layer, counted while samples go by.

    Attributes
    ----------
    spikes : Tensor
        Spikes of each neuron over all samples so far, ``[...]``, int64; a scalar 0 before the first.
    samples, time_steps : int
        How many samples were seen, and T.
    """

    def __init__(self, name: str, layer: SpikingLayer) -> None:
        self.name, self.layer = name, layer
        self.samples, self.time_steps = 0, 0
        self.spikes = torch.zeros((), dtype=torch.int64)
        self._histogram = torch.zeros(1, dtype=torch.int64)

    def add(self, output: Tensor) -> None:
        """Count the spikes of some samples from the layer's output ``[T, B, ...]``."""
        counts = spikes_in_window(self.layer.spikes(output))
        if not self.samples:
            self.time_steps = len(output)
        self.samples += len(counts)
        self.spikes = self.spikes.to(counts.device) + counts.sum(0)
        bins = min(self.time_steps, MOST_SPIKES) + 1
        histogram = torch.bincount(counts.clamp(max=MOST_SPIKES).flatten(), minlength=bins)
        self._histogram = self._histogram.to(counts.device) + histogram

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.spikes.numel()

    @property
    def pairs(self) -> int:
        """Number of pairs of a sample and a neuron."""
        return self.samples * self.neurons

    @property
    def silent(self) -> int:
        """Number of pairs without a spike."""
        return int(self._histogram[0])

    @property
    def never(self) -> int:
        """Number of neurons without a spike."""
        return int((self.spikes == 0).sum())

    @property
    def total(self) -> int:
        """Number of spikes."""
        return int(self.spikes.sum())

    def result(self, *, hidden: bool) -> LayerActivity:
        """Return the activity over all samples so far; there has to be one."""
        return LayerActivity(
            name=self.name,
            hidden=hidden,
            neurons=self.neurons,
            silent_fraction=self.silent / self.pairs,
            never_fraction=self.never / self.neurons,
            firing_rate=self.total / (self.pairs * self.time_steps),
            spikes_per_sample=self.total / self.samples,
            spike_counts=tuple(self._histogram.tolist()),
        )


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
        self.counts = [SpikeCount(name, layer) for name, layer in spiking_layers(model)]
        self._hidden = len(self.counts) - spiking_output

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what the layers do inside the block."""
        hooks = [
            count.layer.register_forward_hook(lambda _module, _inputs, output, count=count: count.add(output))
            for count in self.counts
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def layers(self) -> tuple[LayerActivity, ...]:
        """Return the activity of each spiking layer so far, the first one first."""
        return tuple(
            count.result(hidden=index < self._hidden) for index, count in enumerate(self.counts) if count.samples
        )

    def result(self) -> Activity | None:
        """Return the activity so far, None for a model without spiking hidden layers."""
        every, hidden = self.counts, self.counts[: self._hidden]
        if not hidden or not hidden[0].samples:
            return None
        opportunities = sum(count.pairs * count.time_steps for count in hidden)
        return Activity(
            silent_fraction=_silent_fraction(hidden),
            silent_fraction_with_output=_silent_fraction(every),
            never_fraction=_never_fraction(hidden),
            never_fraction_with_output=_never_fraction(every),
            firing_rate=sum(count.total for count in hidden) / opportunities,
            spikes_per_inference=sum(count.total for count in every) / hidden[0].samples,
        )


def _silent_fraction(layers: Sequence[SpikeCount]) -> float:
    return sum(layer.silent for layer in layers) / sum(layer.pairs for layer in layers)


def _never_fraction(layers: Sequence[SpikeCount]) -> float:
    return sum(layer.never for layer in layers) / sum(layer.neurons for layer in layers)


def spikes_in_window(spikes: Tensor) -> Tensor:
    """Sum spikes ``[T, ...]``, 0 or 1 or bool, over time; a tenth of the time that a sum to int64 takes on the CPU."""
    dtype = torch.int16 if len(spikes) <= torch.iinfo(torch.int16).max else torch.int64
    counts = torch.zeros_like(spikes[0], dtype=dtype)
    for step in spikes:
        counts += step.to(dtype)
    return counts


def spiking_layers(model: nn.Module) -> list[tuple[str, SpikingLayer]]:
    """Every spiking layer of a model under its short name, the first one first."""
    found = [(path, module) for path, module in model.named_modules() if isinstance(module, SpikingLayer)]
    return list(zip(layer_names([path for path, _ in found]), (layer for _, layer in found), strict=True))


def layer_names(paths: Sequence[str]) -> list[str]:
    """Short names of layers from their paths in a model, as ``layer1`` of ``network.rest.layer1_neuron``."""
    names = [path.rpartition(".")[2].removesuffix(NEURON_SUFFIX) for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def spike_histogram(layers: Sequence[LayerActivity]) -> tuple[int, ...]:
    """Number of pairs of a sample and a hidden neuron by their spikes, 0 to T; see `LayerActivity.spike_counts`."""
    return tuple(sum(column) for column in zip(*(layer.spike_counts for layer in layers if layer.hidden), strict=True))
