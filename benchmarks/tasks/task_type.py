"""The contract of a type of task: the part of a run that depends on what the dataset wants for an output."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.datasets.samples.split import Split
from benchmarks.results import Evaluation, OutputRaster


class TaskType(Protocol):
    """What to learn, and how it is judged."""

    def loss(self, model: Model, output: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss, summed over the batch, of what the model gave and what a batch of the data says."""

    def correct(self, model: Model, output: Tensor, targets: Tensor) -> Tensor | None:
        """Count the samples of a training batch that were recognised; None where there is nothing to recognise."""

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
        """Judge a model.

        Parameters
        ----------
        model : Model
            Left in evaluation mode.
        split, device
            What to evaluate, and where.
        time_steps, widest_layer : int
            T, and neurons of the largest layer; they set how many samples are evaluated at once, and nothing else.
        all_of_it : bool
            Whether to measure also what is only asked of the final model.
        forward : callable
            Does what the model does with inputs of a batch; what it returns may be overwritten by the next call. By
            default the model itself.
        """

    def output_rasters(
        self, model: Model, split: Split, device: torch.device, *, epoch: int
    ) -> tuple[OutputRaster, ...]:
        """Show the output of a few samples after some of the epochs; empty after the others."""
