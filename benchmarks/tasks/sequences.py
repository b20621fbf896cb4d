"""Target spike trains: each output neuron is to spike when its target does (docs/sequences.md)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.datasets.samples.sequences import SequenceRule
from benchmarks.datasets.samples.split import Split, indices_of
from benchmarks.metrics.accuracy import samples_at_once
from benchmarks.metrics.counting.spike_trains import nearest_train, sequence_measures
from benchmarks.metrics.raster import as_text
from benchmarks.results import Evaluation, OutputRaster

RASTERS = 12
"""Epochs whose output is kept as a picture; they become rarer, as what is learnt in one does."""

RASTER_SAMPLES = 2
"""So many samples, the first of the test set, are kept."""


@dataclass(frozen=True)
class Sequences:
    """Targets are spike trains, ``[T, B, neurons]``, 0 or 1.

    Parameters
    ----------
    rule : SequenceRule
        What outputs and targets are compared by; its time constant is that of the loss as well.
    epochs : int
        Of the run.
    classes : Tensor, optional
        Target of each class, ``[T, K, neurons]``, where samples are to be recognised by the nearest of them.
    """

    rule: SequenceRule
    epochs: int
    classes: Tensor | None = None

    def loss(self, model: Model, output: Tensor, targets: Tensor) -> Tensor:
        """Van Rossum loss, the same for all methods."""
        return model.sequence_loss(output, targets, tau=self.rule.tau)

    def correct(self, model: Model, output: Tensor, targets: Tensor) -> Tensor | None:
        """Nothing is counted during the training, whose epochs are short."""
        del model, output, targets
        return None

    @torch.no_grad()
    def evaluate(
        self,
        model: Model,
        split: Split,
        device: torch.device,
        *,
        time_steps: int,
        widest_layer: int,
        all_of_it: bool = False,
        forward: Callable[[Tensor], Tensor] | None = None,
    ) -> Evaluation:
        """Compare all outputs with their targets."""
        model.eval()
        parts = [
            spikes_and_targets(model, split, indices, device, forward=forward)
            for indices in indices_of(split, device).split(samples_at_once(time_steps, widest_layer))
        ]
        output, target = (torch.cat(trains, dim=1) for trains in zip(*parts, strict=True))
        measures = sequence_measures(output, target, self.rule, all_of_them=all_of_it)
        accuracy = None
        if self.classes is not None:
            wanted, found = (nearest_train(trains, self.classes, tau=self.rule.tau) for trains in (target, output))
            accuracy = float((wanted == found).double().mean())
        return Evaluation(accuracy=accuracy, measures=measures)

    @torch.no_grad()
    def output_rasters(
        self, model: Model, split: Split, device: torch.device, *, epoch: int
    ) -> tuple[OutputRaster, ...]:
        """Show the first samples after the first epoch, the last, and a few between."""
        if epoch not in raster_epochs(self.epochs):
            return ()
        model.eval()
        samples = torch.arange(min(RASTER_SAMPLES, len(split)))
        trains = spikes_and_targets(model, split, samples, device)
        return tuple(
            OutputRaster(sample=sample, output=as_text(trains[0][:, sample].T), target=as_text(trains[1][:, sample].T))
            for sample in range(len(samples))
        )


def spikes_and_targets(
    model: Model,
    split: Split,
    indices: Tensor,
    device: torch.device,
    *,
    forward: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Run some samples through a model; its spikes and what they should be, bool, ``[T, B, neurons]``."""
    inputs, targets = split.batch(indices)
    return model.output_spikes((forward or model)(inputs.to(device))), targets.to(device).bool()


def raster_epochs(epochs: int) -> set[int]:
    """Choose `RASTERS` of the epochs, equally far apart on a logarithmic scale, the first and the last among them."""
    return {round(epochs ** (index / (RASTERS - 1))) for index in range(RASTERS)}
