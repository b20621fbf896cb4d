"""Synaptic operations of an inference, counted on spikes, whatever signal the layers exchange.

A spike makes each neuron that it reaches add one weight: an accumulate (AC). That holds also where layers exchange
filtered spikes, as ``W (epsilon * s) = epsilon * (W s)``: the filter can as well run behind the weights, once a neuron.
A value that is no spike, of an image or of a ReLU, makes them multiply and add: a multiply-accumulate (MAC). Operations
count if neither the value nor the weight is 0, as "effective" ones do in NeuroBench; biases, pooling, the filters and
the update of the neurons do not count.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.metrics.counting.energy import energy_nj
from benchmarks.metrics.counting.spikes import ActivityMeter
from benchmarks.metrics.counting.synapses import Stage, fan_out, stages_of
from tssl_core.layers import SpikingLayer


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Operations of one inference, mean over samples, and the energy that they would take.

    Parameters
    ----------
    synops : float
        Effective accumulates: spikes, those of an event input included, times their fan-out.
    macs : float
        Effective multiply-accumulates. Those of an image count once, as it is the same in every time step.
    macs_every_step : float
        The same if those of an image count in each of T time steps: the usual convention.
    dense_operations : float
        All connections, as often as the network goes through them: what would be done without regard to zeros.
    energy_nj, energy_every_step_nj : float
        Of `synops` with `macs` and with `macs_every_step`, in nanojoules; arithmetic only, see `energy_nj`.
    """

    synops: float
    macs: float
    macs_every_step: float
    dense_operations: float
    energy_nj: float
    energy_every_step_nj: float


@dataclass
class Seen:
    """What has gone into a module so far.

    Parameters
    ----------
    rows : int
        Samples, or samples times time steps.
    shape : torch.Size
        Of one of them.
    nonzero : Tensor
        In how many of them each value was not 0, shaped so; a scalar 0 where that is not counted.
    """

    rows: int = 0
    shape: torch.Size = field(default_factory=torch.Size)
    nonzero: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))

    def add(self, values: Tensor, *, count: bool = True) -> None:
        """See rows of values, ``[N, ...]``."""
        self.rows += len(values)
        self.shape = values.shape[1:]
        if count:
            self.nonzero = self.nonzero.to(values.device) + (values != 0).sum(0)


class OperationMeter:
    """Counts operations while a model is evaluated.

    Only sums over samples are kept while it runs; the fan-outs are computed once, at the end.

    Parameters
    ----------
    model : nn.Module
        With one `tssl_core.Network` of convolutions, fully connected layers, and average or sum pooling.
    activity : ActivityMeter
        Watches the same samples of the same model.
    """

    def __init__(self, model: nn.Module, activity: ActivityMeter) -> None:
        self._model = model
        self._stages = [(stage, stage.synapse) for stage in stages_of(model) or ()]
        self._spikes = {count.layer: count for count in activity.counts}
        self._samples, self._events = 0, Seen()
        self._seen = {synapse: Seen() for _, synapse in self._stages if synapse is not None}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what the model does inside the block."""
        hooks = [self._model.register_forward_pre_hook(self._see_input)] if self._stages else []
        for stage, synapse in self._stages:
            if synapse is not None:
                hooks.append(synapse.register_forward_pre_hook(self._see_values(stage, self._seen[synapse])))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _see_input(self, _model: nn.Module, inputs: tuple[Any, ...]) -> None:
        """See images ``[B, C, H, W]`` or spikes ``[T, B, C, H, W]``."""
        events = inputs[0].dim() == 5
        self._samples += inputs[0].shape[int(events)]
        if events:
            self._events.add(inputs[0].flatten(0, 1))

    def _see_values(self, stage: Stage, seen: Seen) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        spiking = isinstance(stage.source, SpikingLayer)  # whose spikes are counted already

        def see(_synapse: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.add(inputs[0], count=not spiking)

        return see

    def result(self) -> Operations | None:
        """Return the mean over samples so far, None if there were none or the model cannot be counted."""
        if not self._samples:
            return None
        synops = macs = macs_every_step = dense = 0.0
        time_steps = max((count.time_steps for count in self._spikes.values()), default=1)
        for stage, synapse in self._stages:
            if synapse is None:
                continue
            seen = self._seen[synapse]
            dense += seen.rows * float(fan_out([synapse], seen.shape, zero_weights=True).sum())
            spikes = self._spikes_into(stage)
            if spikes is not None:
                synops += reached(spikes, stage.path)
            else:
                products = reached(seen.nonzero, [synapse])
                # An image is the same in each time step, whether the model computes it once or again and again.
                once = products * self._samples / seen.rows if stage.source is None else products
                macs += once
                macs_every_step += once * time_steps if stage.source is None else products
        return Operations(
            synops=synops / self._samples,
            macs=macs / self._samples,
            macs_every_step=macs_every_step / self._samples,
            dense_operations=dense / self._samples,
            energy_nj=energy_nj(macs=macs, accumulates=synops) / self._samples,
            energy_every_step_nj=energy_nj(macs=macs_every_step, accumulates=synops) / self._samples,
        )

    def _spikes_into(self, stage: Stage) -> Tensor | None:
        """Spikes that a stage takes, summed over samples and time; None if it takes other values."""
        if stage.source is None:
            return self._events.nonzero if self._events.rows else None
        return self._spikes[stage.source].spikes if isinstance(stage.source, SpikingLayer) else None


def reached(counts: Tensor, path: Sequence[nn.Module]) -> float:
    """How many synapses with a weight are reached, if each value goes through a path so many times."""
    synapses = fan_out(path, counts.shape)
    return float((counts.to(synapses) * synapses).sum())
