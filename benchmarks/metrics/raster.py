"""The spikes of a single sample on their way through a network, for a picture of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from baselines.method import Model
from benchmarks.datasets.samples.split import Split
from benchmarks.metrics.counting.spikes import spiking_layers
from benchmarks.metrics.metric import FinishedTraining, Metric
from tssl_core.layers import SpikingLayer

MOST_NEURONS = 100
"""So many neurons of a layer are shown at most; they are spread evenly over it."""

SAMPLE = 0
"""Place in the test set of the sample that is shown."""

INPUT = "input"
SILENT, SPIKE = "0", "1"


@dataclass(frozen=True, kw_only=True)
class LayerRaster:
    """Spikes of one layer.

    Parameters
    ----------
    name : str
        ``input`` for an input of events, else as in `LayerActivity`.
    neurons : int
        How many the layer has.
    shown : tuple of int
        Which of them are shown, by their place in the flattened layer ``[C, H, W]``.
    spikes : tuple of str
        For each of these a ``0`` or ``1`` for every time step.
    """

    name: str
    neurons: int
    shown: tuple[int, ...]
    spikes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Raster:
    """Spikes of one test sample.

    Parameters
    ----------
    sample : int
        Its place in the test set.
    label, decision : int
        Its class, and the one that the network decided on.
    layers : tuple of LayerRaster
        Events of the input first, if it has any, then each spiking layer, the output layer last.
    """

    sample: int
    label: int
    decision: int
    layers: tuple[LayerRaster, ...]


@torch.no_grad()
def spike_raster(model: Model, split: Split, device: torch.device) -> Raster | None:
    """Show a network its `SAMPLE` and note which neurons spike when.

    Parameters
    ----------
    model : Model
        Left in evaluation mode.
    split, device
        Where the sample is from, and where the model is.

    Returns
    -------
    Raster or None
        None for a network without spiking layers.
    """
    model.eval()
    inputs, labels = split.batch(torch.tensor([SAMPLE]))
    inputs = inputs.to(device)
    with _recording(model) as spikes:
        output = model(inputs)
    if not spikes:
        return None
    events = {INPUT: inputs != 0} if inputs.dim() == 5 else {}
    return Raster(
        sample=SAMPLE,
        label=int(labels[0]),
        decision=int(model.scores(output).argmax(-1)[0]),
        layers=tuple(_layer_raster(name, values[:, 0]) for name, values in {**events, **spikes}.items()),
    )


@contextmanager
def _recording(model: nn.Module) -> Iterator[Mapping[str, Tensor]]:
    """Collect the spikes ``[T, B, ...]`` of each spiking layer inside the block."""
    names = {layer: name for name, layer in spiking_layers(model)}
    spikes: dict[str, Tensor] = {}

    def note(layer: SpikingLayer, _inputs: Any, output: Tensor) -> None:
        spikes[names[layer]] = layer.spikes(output)

    hooks = [layer.register_forward_hook(note) for layer in names]
    try:
        yield spikes
    finally:
        for hook in hooks:
            hook.remove()


def _layer_raster(name: str, spikes: Tensor) -> LayerRaster:
    """Choose neurons from spikes ``[T, ...]``."""
    rows = spikes.flatten(1).bool().T
    shown = torch.linspace(0, len(rows) - 1, min(len(rows), MOST_NEURONS), dtype=torch.float64).round().long()
    return LayerRaster(
        name=name,
        neurons=len(rows),
        shown=tuple(shown.tolist()),
        spikes=as_text(rows[shown.to(rows.device)]),
    )


def as_text(rows: Tensor) -> tuple[str, ...]:
    """Write trains ``[neurons, T]``, 0 or 1 or bool, as a text of zeros and ones a neuron."""
    return tuple("".join(SPIKE if spike else SILENT for spike in row) for row in rows.tolist())


class SpikeRaster(Metric):
    """Of the final model, for the first test sample; only where there are spikes and classes."""

    name = "raster"
    tables: ClassVar[Mapping[str, str]] = {
        "raster": "spikes of the first test sample after the last epoch: of each spiking layer, and of an input of "
        "events, at most 100 neurons, spread evenly over the flattened layer (their places are named), a 0 or 1 a "
        "time step; with the sample's class and the decision. It is a picture, and no statistic",
    }

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """No number."""
        del run
        return {}

    def tables_of(self, run: FinishedTraining) -> Mapping[str, Any]:
        """Show the first sample; of target spike trains the outputs are shown in another table."""
        raster = None if run.config.network_spec().sequences else spike_raster(run.model, run.data.test, self.device)
        return {} if raster is None else {"raster": asdict(raster)}
