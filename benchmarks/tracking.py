"""Everything that touches MLflow: one experiment a study, one MLflow run a training run.

Nothing else imports MLflow, and this module imports it late, so that training works without it.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.config import RunConfig
from benchmarks.environment import Environment
from benchmarks.errors import TrackingError
from benchmarks.records import METRIC_COLUMNS, EpochRecord, RunRecord, Status

if TYPE_CHECKING:
    from mlflow.entities import Run

SQLITE = "sqlite:///"
DEFAULT_TRACKING_URI = f"{SQLITE}mlflow.db"
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
"""A run that stands so has not come to an end, and can go on."""

CONFIG_COLUMNS = ("dataset", "method", "architecture", "time_steps", "seed", "epochs", "protocol")
TAG_COLUMNS = ("status", "reason", "run_key", *(field.name for field in fields(Environment)))
"""What a row of results.csv takes from MLflow's parameters and tags; its metrics follow."""

CURVE = "accuracy_at_step"
"""Metric whose step is a time step, and no epoch."""

LAYERS_FILE = "layers.json"
"""Artifact of a run with spikes: `RunRecord.layer_tables`."""

METRICS_A_CALL = 1000
"""MLflow takes no more at once."""


class RunTracker(Protocol):
    """Receives one run while it happens."""

    def epoch(self, record: EpochRecord) -> None:
        """Log an epoch; when it was logged before an interruption already, the later one counts."""

    def finish(self, record: RunRecord) -> None:
        """Log the outcome and close the run as finished."""

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """End the run; without a result, give the reason in a line, and details to look into."""


class Tracker(Protocol):
    """Keeps the runs of all studies."""

    def done_keys(self, study: str) -> set[str]:
        """Keys of the runs of a study that need not run again."""

    def is_done(self, study: str, run_key: str) -> bool:
        """Whether one run need not run again; another process may have finished it meanwhile."""

    def start(
        self,
        study: str,
        config: RunConfig,
        environment: Environment,
        *,
        done: Sequence[EpochRecord] | None = None,
    ) -> RunTracker:
        """Open a run, or go on with one.

        Parameters
        ----------
        study, config, environment : str, RunConfig, Environment
            What runs, and where.
        done : sequence of EpochRecord, optional
            None opens a new run and touches no other. Else no other process is at work on this run, and it has these
            epochs behind it, perhaps none: the newest run with its key that has not come to an end goes on, or a new
            one begins, and those of the epochs that it lacks are logged.
        """


class Store(Tracker, Protocol):
    """A tracker that can be read."""

    def rows(self, study: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read a study back, oldest run first: a row a run, and a row an epoch."""

    def anytime_rows(self, study: str) -> list[dict[str, Any]]:
        """Read the accuracy after each time step back: a row a run and step, oldest run first."""


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
        self,
        study: str,
        config: RunConfig,
        environment: Environment,
        *,
        done: Sequence[EpochRecord] | None = None,
    ) -> "NoTracking":
        """Open a run that leaves no trace."""
        del study, config, environment, done
        return self

    def epoch(self, record: EpochRecord) -> None:
        """Forget it."""

    def finish(self, record: RunRecord) -> None:
        """Forget it."""

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """Forget it."""


class MlflowTracker:
    """Keeps the runs in an MLflow store.

    Parameters
    ----------
    uri : str
        MLflow tracking URI: ``sqlite:///file.db``, or ``http://...`` of a server.

    Raises
    ------
    TrackingError
        If MLflow is not installed or the store cannot be used.
    """

    def __init__(self, uri: str = DEFAULT_TRACKING_URI) -> None:
        # A study on an offline machine must not wait for a usage report to be sent.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise TrackingError("MLflow is not installed; install it, or give --tracking-uri off") from error
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.uri = uri
        with errors_explained(uri):
            _check_sqlite(uri)
            self.client = MlflowClient(tracking_uri=uri)
            self.client.search_experiments(max_results=1)

    def done_keys(self, study: str) -> set[str]:
        """Keys of the runs of a study that need not run again."""
        return {run.data.tags["run_key"] for run in self._runs(study) if run.data.tags.get("status") in DONE}

    def is_done(self, study: str, run_key: str) -> bool:
        """Whether one run need not run again."""
        return any(run.data.tags.get("status") in DONE for run in self._runs(study, run_key))

    def start(
        self,
        study: str,
        config: RunConfig,
        environment: Environment,
        *,
        done: Sequence[EpochRecord] | None = None,
    ) -> "MlflowRunTracker":
        """Open a run, or go on with one: configuration as parameters, environment as tags, both as artifacts."""
        from mlflow.entities import Param, RunTag

        values = config.model_dump(mode="json")
        tags = {"study": study, "status": "running", "run_key": config.run_key}
        tags |= {key: str(value) for key, value in asdict(environment).items()}
        with errors_explained(self.uri):
            unfinished = None if done is None else self._unfinished(study, config.run_key)
            if unfinished is None:
                experiment = self._experiment_id(study) or self.client.create_experiment(study)
                run = self.client.create_run(experiment, run_name=config.title, tags=tags)
            else:
                run = self.client.get_run(unfinished)
                self.client.update_run(unfinished, status="RUNNING")
                if "reason" in run.data.tags:
                    self.client.delete_tag(unfinished, "reason")
            run_id: str = run.info.run_id
            params = [Param(key, str(value)) for key, value in flatten(values)]
            # Also for a run that goes on: the process may have been killed before it had logged all of this.
            self.client.log_batch(run_id, params=params, tags=[RunTag(key, value) for key, value in tags.items()])
            self.client.log_dict(run_id, values, "config.json")
            self.client.log_dict(run_id, asdict(environment), "environment.json")
            logged = {row["epoch"] for row in self._epoch_rows(run)}
        opened = MlflowRunTracker(self, run_id)
        for record in done or ():
            if record.epoch not in logged:
                opened.epoch(record)
        return opened

    def _unfinished(self, study: str, run_key: str) -> str | None:
        """Id of the newest run with a key that has not come to an end."""
        runs = [run for run in self._runs(study, run_key) if run.data.tags.get("status") in UNFINISHED]
        return str(runs[-1].info.run_id) if runs else None

    def rows(self, study: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read a study back, oldest run first: a row a run, and a row an epoch.

        Raises
        ------
        TrackingError
            If there is no such study; lists those that there are.
        """
        with errors_explained(self.uri):
            if self._experiment_id(study) is None:
                known = ", ".join(sorted(e.name for e in self.client.search_experiments())) or "none"
                raise TrackingError(f"no study {study!r} in {self.uri}; it has: {known}")
            runs = self._runs(study)
            return [_run_row(run) for run in runs], [row for run in runs for row in self._epoch_rows(run)]

    def anytime_rows(self, study: str) -> list[dict[str, Any]]:
        """Read the accuracy after each time step back: a row a run and step, oldest run first."""
        rows = []
        for run in self._runs(study):
            if CURVE in run.data.metrics:
                with errors_explained(self.uri):
                    points = self.client.get_metric_history(run.info.run_id, CURVE)
                accuracies = {point.step: point.value for point in points}
                key = run.data.tags["run_key"]
                rows += [{"run_key": key, "step": step, "accuracy": accuracies[step]} for step in sorted(accuracies)]
        return rows

    def _epoch_rows(self, run: "Run") -> list[dict[str, Any]]:
        epochs: dict[int, dict[str, Any]] = {}
        for field in fields(EpochRecord):
            if field.name in run.data.metrics:
                for point in self.client.get_metric_history(run.info.run_id, field.name):
                    epochs.setdefault(point.step, {"epoch": point.step})[field.name] = point.value
        return [{"run_key": run.data.tags["run_key"], **epochs[step]} for step in sorted(epochs)]

    def _experiment_id(self, study: str) -> str | None:
        experiment = self.client.get_experiment_by_name(study)
        return None if experiment is None else str(experiment.experiment_id)

    def _runs(self, study: str, run_key: str = "") -> list["Run"]:
        """All runs of a study, or those with one key, oldest first."""
        runs: list[Run] = []
        which = f"tags.run_key = '{run_key}'" if run_key else ""
        with errors_explained(self.uri):
            experiment = self._experiment_id(study)
            token: str | None = None
            while experiment is not None:
                page = self.client.search_runs(
                    [experiment], which, order_by=["attributes.start_time ASC"], max_results=1000, page_token=token
                )
                runs += [run for run in page if "run_key" in run.data.tags]
                token = page.token
                if not token:
                    break
        return runs


class MlflowRunTracker:
    """One open MLflow run."""

    def __init__(self, tracker: MlflowTracker, run_id: str) -> None:
        self._client, self._uri, self._run_id = tracker.client, tracker.uri, run_id

    def epoch(self, record: EpochRecord) -> None:
        """Log an epoch's metrics in one call."""
        values = asdict(record)
        epoch = values.pop("epoch")
        self._log((name, value, epoch) for name, value in values.items() if value is not None)

    def finish(self, record: RunRecord) -> None:
        """Log the outcome and close the run as finished."""
        self._log((name, value, 0) for name, value in record.metrics().items())
        self._log((CURVE, value, step) for step, value in enumerate(record.accuracy_at_step, start=1))
        for layer in record.layers:
            self._log((f"layers/{layer.name}/{name}", value, 0) for name, value in layer.metrics().items())
        if record.layers:
            with errors_explained(self._uri):
                self._client.log_dict(self._run_id, record.layer_tables(), LAYERS_FILE)
        self.close("finished")

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """End the run; the status comes after all else, as it alone makes a run count as done."""
        with errors_explained(self._uri):
            if details:
                self._client.log_text(self._run_id, details, "error.txt")
            if reason:
                self._client.set_tag(self._run_id, "reason", reason)
            self._client.set_tag(self._run_id, "status", status)
            self._client.set_terminated(self._run_id, MLFLOW_STATUS[status])

    def _log(self, points: Iterable[tuple[str, float, int]]) -> None:
        """Log names, values and steps in as few calls as can be."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in points]
        with errors_explained(self._uri):
            for first in range(0, len(metrics), METRICS_A_CALL):
                self._client.log_batch(self._run_id, metrics[first : first + METRICS_A_CALL])


def open_tracker(uri: str) -> Tracker:
    """Open the store at `uri`; ``"off"`` keeps nothing.

    Raises
    ------
    TrackingError
        If the store cannot be used.
    """
    return NoTracking() if uri == TRACKING_OFF else open_store(uri)


def open_store(uri: str) -> Store:
    """Open the store at `uri`: a folder of JSON files if it begins with ``json:``, else MLflow's.

    Raises
    ------
    TrackingError
        If the store cannot be used.
    """
    # It takes names from this module.
    from benchmarks.file_tracking import JSON, JsonTracker

    return JsonTracker(Path(uri.removeprefix(JSON))) if uri.startswith(JSON) else MlflowTracker(uri)


@contextmanager
def errors_explained(uri: str) -> Iterator[None]:
    """Turn MLflow's errors into one line that names the store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        advice = "check that it exists, is writable and has room, or name another by --tracking-uri"
        raise TrackingError(f"cannot use the tracking store {uri!r}: {reason}; {advice}") from error


def _check_sqlite(uri: str) -> None:
    """Open a SQLite file once: MLflow tries for minutes to open one that it cannot, and fails with a traceback."""
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE))
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested tables under dotted names."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _run_row(run: "Run") -> dict[str, Any]:
    """One row of results.csv."""
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    row: dict[str, Any] = {key: params.get(key) for key in CONFIG_COLUMNS}
    row |= {key: tags.get(key) for key in TAG_COLUMNS}
    return row | {key: metrics.get(key) for key in METRIC_COLUMNS}
