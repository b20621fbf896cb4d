"""What is measured of a model; docs/protocol.md gives the definitions in words."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from baselines.method import Model
from benchmarks.datasets.dataset import Split
from tssl_core.layers import SpikingLayer

EVALUATION_BATCH = 500
EVALUATION_STEPS = 5000
EVALUATION_VALUES = 2**27
"""At most so many samples are evaluated at once, samples times time steps, and values of the widest layer in all of
them, which take half a GiB; they change memory and speed only."""

LATENCY_BATCH = 100
LATENCY_WARM_UP, LATENCY_REPEATS = 3, 10


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


@torch.no_grad()
def accuracy_at_steps(
    model: Model, split: Split, device: torch.device, *, time_steps: int = 1, widest_layer: int = 1
) -> tuple[float, ...]:
    """Accuracy of the decision after the first t time steps of the output, for t = 1 to T, from one evaluation.

    Parameters
    ----------
    model : Model
        Left in evaluation mode.
    split, device
        What to evaluate, and where.
    time_steps, widest_layer : int
        T, and neurons of the largest layer; they set how many samples are evaluated at once, and nothing else.

    Returns
    -------
    tuple of float
        Fractions of samples whose largest score is that of their label; the last is the accuracy.
    """
    model.eval()
    correct = torch.zeros(1, dtype=torch.int64, device=device)
    at_once = min(EVALUATION_BATCH, EVALUATION_STEPS // time_steps, EVALUATION_VALUES // (time_steps * widest_layer))
    for indices in torch.arange(len(split)).split(max(1, at_once)):
        inputs, labels = split.batch(indices)
        decisions = model.running_scores(model(inputs.to(device))).argmax(-1)
        correct = correct + (decisions == labels.to(device)).sum(1)
    return tuple(count / len(split) for count in correct.tolist())


def accuracy(model: Model, split: Split, device: torch.device, *, time_steps: int = 1) -> float:
    """Fraction of samples whose largest score is that of their label, see `accuracy_at_steps`."""
    return accuracy_at_steps(model, split, device, time_steps=time_steps)[-1]


def latency_ms(model: Model, split: Split, device: torch.device) -> float:
    """Median wall time of the inference of one sample in a batch of 100, in milliseconds.

    Warmed up, synchronised, and without the loading of the data.
    """
    model.eval()
    samples = min(LATENCY_BATCH, len(split))
    inputs = split.batch(torch.arange(samples))[0].to(device)
    times = []
    with torch.no_grad():
        for _ in range(LATENCY_WARM_UP + LATENCY_REPEATS):
            synchronise(device)
            start = time.perf_counter()
            model(inputs)
            synchronise(device)
            times.append(time.perf_counter() - start)
    return 1000 * median(times[LATENCY_WARM_UP:]) / samples


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
