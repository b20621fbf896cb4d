"""The contract of a metric, and how metrics are found: one file in this package, one metric or close family.

A metric says of each of its numbers what it is, its unit and how it is printed; results.csv, MLflow, docs/protocol.md
and the reports' table of costs have them from there.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch

import benchmarks.metrics
from baselines.discovery import discover_classes
from baselines.method import Model
from benchmarks.config.run import RunConfig
from benchmarks.datasets.samples.split import Data
from benchmarks.metrics.counting.spikes import ActivityMeter
from benchmarks.results import EpochResult, Evaluation


@dataclass(frozen=True, kw_only=True)
class Column:
    """A number of a run.

    Parameters
    ----------
    name : str
        In results.csv and in MLflow.
    about : str
        Its definition, for docs/protocol.md.
    unit : str
        ``fraction``, ``ms`` and the like; empty for counts.
    varies : bool
        Whether a clock or the memory of the machine says it, so that it is not the same in an equal run.
    heading : str
        Of its column in the reports' table of costs; without one it has none there.
    text : str
        Format of a mean in that table.
    """

    name: str
    about: str
    unit: str = ""
    varies: bool = False
    heading: str = ""
    text: str = "{:,.0f}"


@dataclass(frozen=True, kw_only=True)
class FinishedTraining:
    """What a metric can look at in the end.

    Parameters
    ----------
    config : RunConfig
        Of the run.
    model : Model
        As trained; in evaluation mode.
    data : Data
        Cut to what the run asks for; batches come to the device.
    device : torch.device
        Where the model is.
    history : sequence of EpochResult
        All epochs.
    evaluation : Evaluation
        Of the final model on the test set.
    spikes : ActivityMeter
        Spikes of every layer in that evaluation.
    """

    config: RunConfig
    model: Model
    data: Data
    device: torch.device
    history: Sequence[EpochResult]
    evaluation: Evaluation
    spikes: ActivityMeter


class Metric(ABC):
    """Measures one run; made before the run's model is.

    Parameters
    ----------
    device : torch.device
        Of the run.

    Attributes
    ----------
    name : str
        Of the metric or family.
    columns : sequence of Column
        Numbers that `measure` may give, in order.
    tables : mapping of str to str
        Names and definitions of what `tables_of` may give.
    """

    name: ClassVar[str]
    columns: ClassVar[Sequence[Column]] = ()
    tables: ClassVar[Mapping[str, str]] = {}

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def measure_epoch(self, model: Model, evaluation: Evaluation) -> Mapping[str, float]:
        """Numbers after an epoch, from its evaluation on the test set; in epochs.csv as ``test_NAME``."""
        del model, evaluation
        return {}

    def watching(self, model: Model, spikes: ActivityMeter) -> AbstractContextManager[object]:
        """Watch the evaluation of the final model, inside a block; `spikes` watches it, too."""
        del model, spikes
        return nullcontext()

    @abstractmethod
    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Numbers of the whole run, by the names of `columns`; what there is not is None or missing."""

    def tables_of(self, run: FinishedTraining) -> Mapping[str, Any]:
        """What is more than single numbers, ready for JSON, by the names of `tables`; empty ones are left out."""
        del run
        return {}


@cache
def available_metrics() -> tuple[type[Metric], ...]:
    """Every metric in this package, sorted by name."""
    return tuple(discover_classes(benchmarks.metrics, Metric).values())  # type: ignore[type-abstract]


def metric_columns() -> list[Column]:
    """Columns of all metrics, in the order of results.csv."""
    return [column for metric in available_metrics() for column in metric.columns]


def column_names() -> list[str]:
    """Names of all numbers of a run, in the order of results.csv."""
    return [column.name for column in metric_columns()]
