"""Accuracy of the decision, after the whole window and after each time step."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.datasets.samples.split import Split, indices_of
from benchmarks.metrics.counting.confusion import ConfusionMatrix
from benchmarks.metrics.counting.silent_outputs import SilentOutputs
from benchmarks.metrics.metric import Column, FinishedTraining, Metric

EVALUATION_BATCH = 500
EVALUATION_STEPS = 5000
EVALUATION_VALUES = 2**27
"""At most so many samples are evaluated at once, samples times time steps, and values of the widest layer in all of
them, which take half a GiB; they change memory and speed only."""


def samples_at_once(time_steps: int, widest_layer: int) -> int:
    """How many samples to evaluate at once, see `EVALUATION_VALUES`."""
    return max(
        1, min(EVALUATION_BATCH, EVALUATION_STEPS // time_steps, EVALUATION_VALUES // (time_steps * widest_layer))
    )


@torch.no_grad()
def accuracy_at_steps(
    model: Model,
    split: Split,
    device: torch.device,
    *,
    time_steps: int = 1,
    widest_layer: int = 1,
    confusion: ConfusionMatrix | None = None,
    silent: SilentOutputs | None = None,
    forward: Callable[[Tensor], Tensor] | None = None,
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
    confusion : ConfusionMatrix, optional
        Counts the decisions after the whole window.
    silent : SilentOutputs, optional
        Counts the samples without one.
    forward : callable, optional
        Takes the place of the model's own, see `benchmarks.tasks.task_type`.

    Returns
    -------
    tuple of float
        Fractions of samples whose largest score is that of their label; the last is the accuracy.
    """
    model.eval()
    correct = torch.zeros(1, dtype=torch.int64, device=device)
    for indices in indices_of(split, device).split(samples_at_once(time_steps, widest_layer)):
        inputs, labels = split.batch(indices)
        scores = model.running_scores((forward or model)(inputs.to(device)))
        decisions = scores.argmax(-1)
        labels = labels.to(device)
        correct = correct + (decisions == labels).sum(1)
        if confusion:
            confusion.add(labels, decisions[-1])
        if silent:
            silent.add(scores[-1])
    return tuple(count / len(split) for count in correct.tolist())


class Accuracy(Metric):
    """Of the run; nothing for tasks without classes."""

    name = "accuracy"
    columns = (
        Column(name="accuracy_last", unit="fraction", about="fraction of test samples right after the last epoch"),
        Column(
            name="accuracy_best",
            unit="fraction",
            about="highest test accuracy over all epochs: how the paper counts. It chooses by the test set and is "
            "biased upwards",
        ),
        Column(name="best_epoch", about="the first epoch with that accuracy"),
        Column(
            name="accuracy_chosen",
            unit="fraction",
            about="test accuracy of the epoch with the highest accuracy on held-out training samples (`run.held_out`, "
            "drawn by the seed, equal for all methods): a choice of the epoch that does not look at the test set. Only "
            "where something is held out",
        ),
        Column(name="chosen_epoch", about="the first epoch with that accuracy on held-out samples"),
    )
    tables: ClassVar[Mapping[str, str]] = {
        "accuracy_at_step": "fraction of test samples right after the last epoch, by the decision from the first t "
        "time steps of the output alone, for t = 1 to T, from one evaluation; its value at T is `accuracy_last`. No "
        "network looks ahead, so for methods whose training does not depend on T it is also the accuracy of runs of "
        "t steps",
        "confusion": "test samples by their class (rows) and the decision after the last epoch (entries of a row)",
    }

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Of the last epoch, and of the best ones by the test set and by held-out samples."""
        if run.evaluation.accuracy is None:
            return {}
        best = max(run.history, key=lambda epoch: epoch.test_accuracy or 0.0)
        values = {
            "accuracy_last": run.evaluation.accuracy,
            "accuracy_best": best.test_accuracy,
            "best_epoch": best.epoch,
        }
        if run.data.held_out is not None:
            chosen = max(run.history, key=lambda epoch: epoch.held_out_accuracy or 0.0)
            values |= {"accuracy_chosen": chosen.test_accuracy, "chosen_epoch": chosen.epoch}
        return values

    def tables_of(self, run: FinishedTraining) -> Mapping[str, Any]:
        """Of the final model."""
        return {"accuracy_at_step": run.evaluation.accuracy_at_step, "confusion": run.evaluation.confusion}
