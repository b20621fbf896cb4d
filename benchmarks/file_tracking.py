"""A tracking store without MLflow: a JSON file a run, in a folder a study. For machines that only train."""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from torch import Tensor

from baselines.method import Model
from benchmarks.atomic import write_atomically
from benchmarks.config import RunConfig
from benchmarks.environment import Environment
from benchmarks.errors import TrackingError
from benchmarks.nested import flatten
from benchmarks.records import METRIC_COLUMNS, TABLE_NAMES, EpochRecord, RunRecord, Status
from benchmarks.tracking import DONE, TAG_COLUMNS, UNFINISHED, config_row

JSON = "json:"
"""How its tracking URIs begin; ``file:`` would be MLflow's own."""


class JsonTracker:
    """Keeps the runs in JSON files, ``<folder>/<study>/<run_key>-<any>.json``; a run that is tried again gets another.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    Raises
    ------
    TrackingError
        If it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _errors_explained(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def done_keys(self, study: str) -> set[str]:
        """Keys of the runs of a study that need not run again."""
        return {run["run_key"] for run in self._runs(study) if run["status"] in DONE}

    def is_done(self, study: str, run_key: str) -> bool:
        """Whether one run need not run again."""
        return any(run["status"] in DONE for run in self._runs(study, run_key))

    def start(
        self,
        study: str,
        config: RunConfig,
        environment: Environment,
        *,
        done: Sequence[EpochRecord] | None = None,
    ) -> "JsonRunTracker":
        """Open a run, or go on with one, see `benchmarks.tracking.Tracker.start`."""
        unfinished = [] if done is None else self._unfinished(study, config.run_key)
        if unfinished:
            path, content = unfinished[-1]
        else:
            path = self._study(study) / f"{config.run_key}-{uuid.uuid4().hex[:8]}.json"
            content = {"started": time.time(), "epochs": [], "metrics": {}}
        content |= {"study": study, "run_key": config.run_key, "cell_key": config.cell_key}
        content |= {"status": "running", "reason": None}
        content |= {"config": config.model_dump(mode="json"), "environment": asdict(environment)}
        # Epochs after these are of a training that did not get a checkpoint, perhaps of another machine.
        content["epochs"] = [record.numbers() for record in done or ()]
        return JsonRunTracker(path, content)

    def rows(self, study: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read a study back, oldest run first: a row a run, and a row an epoch.

        Raises
        ------
        TrackingError
            If there is no such study.
        """
        runs = self._runs(study)
        if not runs:
            raise TrackingError(f"no study {study!r} in {self.folder}")
        epochs = [
            {"run_key": run["run_key"], **{key: value for key, value in epoch.items() if value is not None}}
            for run in runs
            for epoch in run["epochs"]
        ]
        return [_run_row(run) for run in runs], epochs

    def anytime_rows(self, study: str) -> list[dict[str, Any]]:
        """Read the accuracy after each time step back: a row a run and step, oldest run first."""
        return [
            {"run_key": run["run_key"], "step": step, "accuracy": accuracy}
            for run in self._runs(study)
            for step, accuracy in enumerate(run.get("accuracy_at_step", ()), start=1)
        ]

    def tables(self, study: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read `RunRecord.tables` back: key of a run, and the content of its files in one, oldest run first."""
        for run in self._runs(study):
            yield run["run_key"], {name: run[name] for name in TABLE_NAMES if name in run}

    def log_report(self, study: str, folder: Path) -> None:
        """Reports stay where they are written."""

    def _unfinished(self, study: str, run_key: str) -> list[tuple[Path, dict[str, Any]]]:
        """Runs that have not come to an end, and their files, oldest first."""
        return [(path, run) for path, run in self._files(study, run_key) if run["status"] in UNFINISHED]

    def _runs(self, study: str, run_key: str = "*") -> list[dict[str, Any]]:
        """Runs of a study, or those with one key, oldest first."""
        return [run for _, run in self._files(study, run_key)]

    def _files(self, study: str, run_key: str) -> list[tuple[Path, dict[str, Any]]]:
        files = [(path, self._read(path)) for path in self._study(study).glob(f"{run_key}-*.json")]
        return sorted(files, key=lambda file: float(file[1]["started"]))

    def _study(self, study: str) -> Path:
        return self.folder / quote(study, safe="")

    def _read(self, path: Path) -> dict[str, Any]:
        with _errors_explained(path):
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if "status" not in content:
                raise ValueError("it is no run")
            return content


class JsonRunTracker:
    """One open run; the file is written again after each change, in full."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path, self._content = path, content
        self._write()

    def epoch(self, record: EpochRecord) -> None:
        """Log an epoch in place of an earlier one of that number."""
        self._content["epochs"] = _joined(self._content["epochs"], record)
        self._write()

    def model(self, model: Model, example: Tensor) -> None:
        """Models are not kept."""

    def finish(self, record: RunRecord) -> None:
        """Log the outcome and close the run as finished."""
        self._content |= {"metrics": record.metrics(), "accuracy_at_step": record.accuracy_at_step}
        for table in record.tables().values():
            self._content |= table
        self.close("finished")

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """End the run."""
        self._content |= {"status": status, "reason": reason or None, "details": details, "ended": time.time()}
        self._write()

    def _write(self) -> None:
        with _errors_explained(self._path):
            write_atomically(self._path, json.dumps(self._content, indent=1).encode())


def _joined(epochs: list[dict[str, Any]], record: EpochRecord) -> list[dict[str, Any]]:
    """Add a record to a list of epochs, in place of an earlier one of its number."""
    by_number = {epoch["epoch"]: epoch for epoch in (*epochs, record.numbers())}
    return [by_number[number] for number in sorted(by_number)]


def _run_row(run: dict[str, Any]) -> dict[str, Any]:
    """One row of results.csv."""
    tags = {key: run.get(key) for key in ("status", "reason", "run_key", "cell_key")}
    tags |= {key: str(value) for key, value in run["environment"].items()}  # as MLflow's tags are
    row = config_row(dict(flatten(run["config"])))
    row |= {key: tags.get(key) for key in TAG_COLUMNS}
    return row | {key: run["metrics"].get(key) for key in METRIC_COLUMNS}


@contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"cannot use {path}: {error}; check that it is writable, has room and is a file of this store"
        ) from error
