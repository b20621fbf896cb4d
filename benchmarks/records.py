"""What a run leaves behind: one record an epoch and one a run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from benchmarks.metrics import (
    CONVERGENCE_COLUMNS,
    Activity,
    Latency,
    LayerActivity,
    Operations,
    PeakMemory,
    Raster,
    Throughput,
)

LAYERS_FILE, RASTER_FILE, CONFUSION_FILE = TABLE_FILES = ("layers.json", "raster.json", "confusion.json")
"""Files beside the numbers of a run; the first two only of networks that spike."""

TABLE_NAMES = ("layers", "spike_histogram", "raster", "confusion")
"""What is in these files: attributes of a `RunRecord`."""

Status = Literal["running", "finished", "diverged", "failed", "stopped", "skipped"]
"""How a run stands: a result; a loss that is not finite; an error; stopped from outside; not supported."""


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch of training and the evaluation after it.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss : float
        Mean over samples of the loss in training mode, while the weights moved.
    train_accuracy, test_accuracy : float
        Fractions; the former in training mode, while the weights moved.
    held_out_accuracy : float, optional
        The same on held-out samples, if there are any beside the test set.
    train_seconds, test_seconds : float
        Wall time of training and of evaluation.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_accuracy: float
    held_out_accuracy: float | None = None
    train_seconds: float
    test_seconds: float


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The outcome of one run.

    Parameters
    ----------
    accuracy_last : float
        Test accuracy after the last epoch.
    accuracy_best, best_epoch : float, int
        Highest test accuracy over the epochs, the first of them: how the paper counts. It chooses by the test
        set and is biased upwards.
    accuracy_chosen, chosen_epoch : float, int, optional
        Test accuracy of the epoch with the highest accuracy on held-out samples, and that epoch, the first of them:
        a choice without the test set. None if nothing is held out.
    activity : Activity or None
        Of the final model on the test set; None without spikes.
    layers : tuple of LayerActivity
        The same for each spiking layer, the output layer last.
    spike_histogram : tuple of int
        Pairs of a test sample and a hidden neuron by the spikes of the neuron, see
        `benchmarks.metrics.spike_histogram`; empty without spikes.
    raster : Raster, optional
        Spikes of the first test sample in the final model; None without spikes.
    confusion : tuple of tuple of int
        Test samples by their class (rows) and the decision of the final model (entries of a row).
    operations : Operations, optional
        Of the final model, mean over the test samples; None if they cannot be counted.
    latency : Latency
        Of the final model.
    throughput : Throughput
        Of all epochs.
    memory : PeakMemory
        Of the process that ended the run.
    convergence : mapping
        Epochs and seconds to a test accuracy, see `benchmarks.metrics.convergence`; those not reached are missing.
    training_seconds : float
        Wall time of the training of all epochs, without evaluation.
    accuracy_at_step : tuple of float
        Test accuracy after the last epoch by the first t time steps of the output, t = 1 to T.
    """

    accuracy_last: float
    accuracy_best: float
    best_epoch: int
    accuracy_chosen: float | None = None
    chosen_epoch: int | None = None
    activity: Activity | None
    layers: tuple[LayerActivity, ...] = ()
    spike_histogram: tuple[int, ...] = ()
    raster: Raster | None = None
    confusion: tuple[tuple[int, ...], ...] = ()
    operations: Operations | None = None
    latency: Latency
    throughput: Throughput
    memory: PeakMemory
    convergence: Mapping[str, float]
    training_seconds: float
    accuracy_at_step: tuple[float, ...]

    def metrics(self) -> dict[str, float]:
        """All single numbers under flat names; those that there are not are left out."""
        values = {name: getattr(self, name) for name in SINGLE_NUMBERS}
        for name in GROUPS:
            group = getattr(self, name)
            values |= {} if group is None else asdict(group)
        values |= self.convergence
        return {key: float(value) for key, value in values.items() if value is not None}

    def tables(self) -> dict[str, dict[str, Any]]:
        """What is more than single numbers, ready for JSON, by the file that it belongs into; see `TABLE_FILES`."""
        files: dict[str, dict[str, Any]] = {}
        if self.layers:
            layers = [asdict(layer) for layer in self.layers]
            files[LAYERS_FILE] = {"layers": layers, "spike_histogram": self.spike_histogram}
        if self.raster:
            files[RASTER_FILE] = {"raster": asdict(self.raster)}
        if self.confusion:
            files[CONFUSION_FILE] = {"confusion": self.confusion}
        return files


GROUPS = ("activity", "operations", "latency", "throughput", "memory")
"""Attributes of a `RunRecord` that are records of single numbers themselves."""

TABLES = (*TABLE_NAMES, "accuracy_at_step", "convergence")
"""Attributes of a `RunRecord` with more than single numbers."""

SINGLE_NUMBERS = tuple(field.name for field in fields(RunRecord) if field.name not in (*GROUPS, *TABLES))

METRIC_COLUMNS = (
    *SINGLE_NUMBERS,
    *(
        field.name
        for group in (fields(Activity), fields(Operations), fields(Latency), fields(Throughput), fields(PeakMemory))
        for field in group
    ),
    *CONVERGENCE_COLUMNS,
)
"""Names that `RunRecord.metrics` may give."""
