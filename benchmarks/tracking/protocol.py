"""What the harness asks of a tracker, and what is read back from one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from baselines.method import Model
from benchmarks.config import RunConfig
from benchmarks.environment import Environment
from benchmarks.records import METRIC_COLUMNS, EpochRecord, RunRecord, Status

TRACKING_OFF = "off"

MLFLOW_STATUS: Mapping[Status, str] = {
    "finished": "FINISHED",
    "skipped": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "stopped": "KILLED",
}

DONE: tuple[Status, ...] = ("finished", "diverged", "skipped")
"""A run that ended so is not run again: its configuration would lead to the same end."""

UNFINISHED: tuple[Status, ...] = ("running", "stopped")
"""A run that stands so can go on from its checkpoint."""

PART_COLUMNS = ("train_samples", "test_samples", "evaluate_on")
"""Which part of the data a run saw; a number of samples is missing where it saw all."""

CONFIG_COLUMNS = ("dataset", "method", "architecture", "time_steps", "seed", "epochs", "protocol", *PART_COLUMNS)
SETTINGS = "settings"
"""Column of results.csv with the rest of the configuration, as JSON: dotted keys and values as text."""

TAG_COLUMNS = ("status", "reason", "run_key", "cell_key", *(field.name for field in fields(Environment)))
"""What a row of results.csv takes from MLflow's parameters and tags; its metrics follow."""

RUN_COLUMNS = (*CONFIG_COLUMNS, SETTINGS, *TAG_COLUMNS, *METRIC_COLUMNS)
"""All of results.csv, in order."""

CURVE = "accuracy_at_step"
"""Metric whose step is a time step, and no epoch."""


class RunTracker(Protocol):
    """Receives one run while it happens."""

    def epoch(self, record: EpochRecord) -> None:
        """Log an epoch; of an epoch that comes again, the later one counts."""

    def model(self, model: Model, example: Tensor) -> None:
        """Keep the trained model; `example` is a few inputs as the network gets them."""

    def finish(self, record: RunRecord) -> None:
        """Log the outcome and close the run as finished."""

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """End the run; without a result, give the reason in a line, and details to look into."""


class Tracker(Protocol):
    """Keeps the runs of all studies."""

    def done_keys(self, study: str) -> set[str]:
        """Keys of the runs of a study that need not run again."""

    def is_done(self, study: str, run_key: str) -> bool:
        """Whether a run need not run again; asked right before it starts, as another sweep may have done it."""

    def start(
        self, study: str, config: RunConfig, environment: Environment, *, done: Sequence[EpochRecord] | None = None
    ) -> RunTracker:
        """Open a run, or go on with one.

        Parameters
        ----------
        study, config, environment
            Of the run.
        done : sequence of EpochRecord, optional
            None opens a new run. Else the newest run of the same key that is unfinished goes on, if there is one, and
            those of these epochs that it lacks are logged.
        """

    def log_report(self, study: str, folder: Path) -> None:
        """Keep the files of a study's report."""


class Store(Tracker, Protocol):
    """A tracker that can be read."""

    def rows(self, study: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read a study back, oldest run first: a row a run, and a row an epoch."""

    def anytime_rows(self, study: str) -> list[dict[str, Any]]:
        """Read the accuracy after each time step back: a row a run and step, oldest run first."""

    def tables(self, study: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read `RunRecord.tables` back: key of a run, and the content of its files in one, oldest run first."""


class NoTracking:
    """Keeps nothing: for machines without MLflow."""

    def done_keys(self, study: str) -> set[str]:
        """Nothing is ever known to be done."""
        del study
        return set()

    def is_done(self, study: str, run_key: str) -> bool:
        """Nothing is ever known to be done."""
        del study, run_key
        return False

    def start(
        self, study: str, config: RunConfig, environment: Environment, *, done: Sequence[EpochRecord] | None = None
    ) -> "NoTracking":
        """Open a run that leaves no trace."""
        del study, config, environment, done
        return self

    def log_report(self, study: str, folder: Path) -> None:
        """Forget it."""

    def epoch(self, record: EpochRecord) -> None:
        """Forget it."""

    def model(self, model: Model, example: Tensor) -> None:
        """Forget it."""

    def finish(self, record: RunRecord) -> None:
        """Forget it."""

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """Forget it."""


def config_row(config: Mapping[str, Any]) -> dict[str, Any]:
    """What results.csv says of a configuration, given with dotted keys: its main values, and the rest in one column."""
    rest = {key: str(value) for key, value in sorted(config.items()) if key not in CONFIG_COLUMNS}
    return {**{key: config.get(key) for key in CONFIG_COLUMNS}, SETTINGS: json.dumps(rest)}
