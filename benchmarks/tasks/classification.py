"""Which class a sample is of: the largest score decides."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.datasets.samples.split import Split
from benchmarks.metrics.accuracy import accuracy_at_steps
from benchmarks.metrics.counting.confusion import ConfusionMatrix
from benchmarks.metrics.counting.silent_outputs import SILENT_OUTPUT_FRACTION, SilentOutputs
from benchmarks.results import Evaluation, OutputRaster


@dataclass(frozen=True)
class Classification:
    """Targets are classes, ``[B]``.

    Parameters
    ----------
    classes : int
        How many there are.
    """

    classes: int

    def loss(self, model: Model, output: Tensor, targets: Tensor) -> Tensor:
        """The method's own."""
        return model.loss(output, targets)

    def correct(self, model: Model, output: Tensor, targets: Tensor) -> Tensor:
        """Count the samples whose largest score is that of their class."""
        return (model.scores(output).argmax(-1) == targets).sum()

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
        """Find the accuracy after each time step, silent outputs, and in the end which classes are taken for which."""
        silent = SilentOutputs()
        confusion = ConfusionMatrix(self.classes) if all_of_it else None
        accuracies = accuracy_at_steps(
            model,
            split,
            device,
            time_steps=time_steps,
            widest_layer=widest_layer,
            confusion=confusion,
            silent=silent,
            forward=forward,
        )
        return Evaluation(
            accuracy=accuracies[-1],
            accuracy_at_step=accuracies,
            confusion=() if confusion is None else confusion.result(),
            measures={SILENT_OUTPUT_FRACTION: silent.fraction(len(split))},
        )

    def output_rasters(
        self, model: Model, split: Split, device: torch.device, *, epoch: int
    ) -> tuple[OutputRaster, ...]:
        """None: the output has no target to be held against."""
        del model, split, device, epoch
        return ()
