"""What a run measures: a result an epoch and one of the whole; its record keeps them (`benchmarks.tracking.record`)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
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
from benchmarks.metrics.spike_trains import EPOCH_MEASURES, SEQUENCE_MEASURES

Status = Literal["running", "finished", "diverged", "failed", "interrupted", "skipped"]
"""How a run stands: in progress; a result; a loss that is not finite; an error; stopped or killed; not supported."""


@dataclass(frozen=True, kw_only=True)
class OutputRaster:
    """Output spikes of a test sample beside the target spike trains that they should be.

    Parameters
    ----------
    sample : int
        Its place in the test set.
    output, target : tuple of str
        For each output neuron a ``0`` or ``1`` for every time step.
    """

    sample: int
    output: tuple[str, ...]
    target: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """One epoch of training and the evaluation after it.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss : float
        Mean over samples of the loss in training mode, while the weights moved.
    train_accuracy, test_accuracy : float, optional
        Fractions; the former in training mode, while the weights moved. None for tasks without classes.
    held_out_accuracy : float, optional
        The same on held-out samples, if there are any beside the test set.
    train_seconds, test_seconds : float
        Wall time of training and of evaluation.
    measures : mapping
        Other numbers of the evaluation on the test set by name, see `benchmarks.tasks`.
    rasters : tuple of OutputRaster
        Output of a few test samples, after some of the epochs only.
    """

    epoch: int
    train_loss: float
    train_accuracy: float | None
    test_accuracy: float | None
    held_out_accuracy: float | None = None
    train_seconds: float
    test_seconds: float
    measures: Mapping[str, float] = field(default_factory=dict)
    rasters: tuple[OutputRaster, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "EpochResult":
        """Return the result that `dataclasses.asdict` has turned into plain values."""
        rasters = tuple(
            OutputRaster(sample=raster["sample"], output=tuple(raster["output"]), target=tuple(raster["target"]))
            for raster in values.get("rasters", ())
        )
        return cls(**{**values, "rasters": rasters})

    def numbers(self) -> dict[str, Any]:
        """All single numbers under flat names, those of `measures` as ``test_...``; what was not measured is None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        del values["measures"], values["rasters"]
        return values | {f"test_{name}": value for name, value in self.measures.items()}


EPOCH_COLUMNS = (
    *(field.name for field in fields(EpochResult) if field.name not in ("measures", "rasters")),
    *(f"test_{name}" for name in EPOCH_MEASURES),
)
"""Names that `EpochResult.numbers` may give."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The outcome of one run.

    Parameters
    ----------
    accuracy_last : float, optional
        Test accuracy after the last epoch; like all that is said of accuracy, None for tasks without classes.
    accuracy_best, best_epoch : float, int, optional
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
        Test accuracy after the last epoch by the first t time steps of the output, t = 1 to T; empty for target spike
        trains, which are whole windows.
    measures : mapping
        Other numbers of the final model and of the run by name, see `benchmarks.tasks`.
    output_rasters : mapping
        Output of a few test samples by the epoch after which it was so.
    """

    accuracy_last: float | None
    accuracy_best: float | None
    best_epoch: int | None
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
    accuracy_at_step: tuple[float, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    output_rasters: Mapping[int, tuple[OutputRaster, ...]] = field(default_factory=dict)

    def metrics(self) -> dict[str, float]:
        """All single numbers under flat names; those that there are not are left out."""
        values = {name: getattr(self, name) for name in SINGLE_NUMBERS}
        for name in GROUPS:
            group = getattr(self, name)
            values |= {} if group is None else asdict(group)
        values |= {**self.convergence, **self.measures}
        return {key: float(value) for key, value in values.items() if value is not None}

    def headline(self) -> str:
        """Say in a few words what came out."""
        words = []
        if self.accuracy_last is not None and self.accuracy_best is not None:
            words.append(f"{self.accuracy_last:.2%} last, {self.accuracy_best:.2%} best")
        if "exact_match" in self.measures:
            words.append(f"{self.measures['exact_match']:.1%} exact, van Rossum {self.measures['van_rossum']:.3g}")
        return ", ".join(words)

    def tables(self) -> dict[str, Any]:
        """What is more than single numbers, ready for JSON, by name; what there is not is left out."""
        rasters = [
            {"epoch": epoch, **asdict(raster)} for epoch, shown in self.output_rasters.items() for raster in shown
        ]
        tables = {
            "layers": [asdict(layer) for layer in self.layers],
            "spike_histogram": self.spike_histogram if self.layers else (),
            "raster": self.raster and asdict(self.raster),
            "confusion": self.confusion,
            "output_rasters": rasters,
            "accuracy_at_step": self.accuracy_at_step,
        }
        return {name: table for name, table in tables.items() if table}


GROUPS = ("activity", "operations", "latency", "throughput", "memory")
"""Attributes of a `RunResult` that are records of single numbers themselves."""

TABLE_NAMES = ("layers", "spike_histogram", "raster", "confusion", "output_rasters", "accuracy_at_step")
"""Attributes of a `RunResult` that are tables."""

SINGLE_NUMBERS = tuple(
    field.name for field in fields(RunResult) if field.name not in (*GROUPS, *TABLE_NAMES, "convergence", "measures")
)

SEQUENCE_COLUMNS = (
    *SEQUENCE_MEASURES,
    "exact_match_best",
    "steps",
    "steps_to_exact",
    "seconds_to_exact",
    "patterns",
)
"""What `benchmarks.tasks.sequences` measures of a run."""

METRIC_COLUMNS = (
    *SINGLE_NUMBERS,
    *(
        field.name
        for group in (fields(Activity), fields(Operations), fields(Latency), fields(Throughput), fields(PeakMemory))
        for field in group
    ),
    *CONVERGENCE_COLUMNS,
    *SEQUENCE_COLUMNS,
)
"""Names that `RunResult.metrics` may give."""
