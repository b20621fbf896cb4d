"""What a run measures: a result an epoch and one of the whole; its record keeps them (`benchmarks.tracking.record`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

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
class Evaluation:
    """What an evaluation of some samples has found.

    Parameters
    ----------
    accuracy : float, optional
        Fraction of samples that were recognised; None where there is nothing to recognise.
    accuracy_at_step : tuple of float
        The same by the first t time steps of the output, t = 1 to T; empty where that is not asked.
    confusion : tuple of tuple of int
        Samples by their class (rows) and the decision (entries of a row); empty where that is not asked.
    measures : mapping
        Other numbers by name.
    """

    accuracy: float | None = None
    accuracy_at_step: tuple[float, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


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
        Other numbers of the evaluation on the test set by name, see `benchmarks.metrics`.
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


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The outcome of one run: what the metrics have measured, see `benchmarks.metrics`.

    Parameters
    ----------
    measures : mapping
        Single numbers by name; what there is not is missing.
    tables : mapping
        What is more than single numbers, ready for JSON, by name.
    """

    measures: Mapping[str, float]
    tables: Mapping[str, Any] = field(default_factory=dict)

    def headline(self) -> str:
        """Say in a few words what came out."""
        measures, words = self.measures, []
        if "accuracy_last" in measures:
            words.append(f"{measures['accuracy_last']:.2%} last, {measures['accuracy_best']:.2%} best")
        if "exact_match" in measures:
            words.append(f"{measures['exact_match']:.1%} exact, van Rossum {measures['van_rossum']:.3g}")
        return ", ".join(words)
