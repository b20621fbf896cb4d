"""Brings MLflow up to date with a record. All of it may be done again, after a lost answer or a crash: nothing doubles.

A run is recognised by its tags ``run_key`` and ``record_id``; a metric with the same time, step and value is kept once,
and the rest overwrites itself. The tag ``mirrored`` comes last and says what has arrived.
"""

import getpass
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.config.nested import flatten
from benchmarks.config.run import RunConfig
from benchmarks.results import Status
from benchmarks.tracking.cells import (
    KIND,
    KIND_CELL,
    KIND_RUN,
    NOTE,
    CellRun,
    cell_of_run,
    describe,
    outcome_facts,
    run_name,
    summary,
    titles,
)
from benchmarks.tracking.inputs import dataset_inputs
from benchmarks.tracking.models import log_model
from benchmarks.tracking.record import Record
from benchmarks.tracking.runs import MODEL_FOLDER, RECORD_FILE, Runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Point: TypeAlias = tuple[str, float, float, int]
"""A metric: name, value, seconds since 1970, and step."""

PARENT = "mlflow.parentRunId"
"""Tag by which MLflow's UI nests one run under another."""

RECORD_ID, MIRRORED = "record_id", "mirrored"
"""Tags of a run: of which record it is, and the state of it that has arrived."""

CURVE = "accuracy_at_step"
"""Metric whose step is a time step, and no epoch."""

LAYER_METRICS = ("silent_fraction", "never_fraction", "firing_rate", "spikes_per_sample")
"""Numbers of each spiking layer."""

MLFLOW_STATUS: Mapping[Status, str] = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "skipped": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}

PAGE = METRICS_A_CALL = 1000
"""Runs that MLflow lists, and metrics that it takes, at once."""


@dataclass
class Mirrored:
    """What MLflow has of a record."""

    run_id: str
    state: str = ""
    epochs: int = 0

    @property
    def status(self) -> str:
        """How the run stands there."""
        return self.state.partition(" ")[2]


class Uploader:
    """Knows the experiments, cells and runs of one store.

    Parameters
    ----------
    client : MlflowClient
        Of the store.
    """

    def __init__(self, client: "MlflowClient") -> None:
        self.client = client
        self._experiments: dict[str, str] = {}
        self._cells: dict[tuple[str, str], str] = {}
        self._mirrored: dict[str, dict[str, Mirrored]] = {}

    def experiment(self, study: str) -> str:
        """Id of a study's experiment, which is made if it is not there."""
        if study not in self._experiments:
            self._experiments[study] = self.find_experiment(study) or self._make_experiment(study)
        return self._experiments[study]

    def find_experiment(self, study: str) -> str | None:
        """Id of a study's experiment, if there is one."""
        experiment = self.client.get_experiment_by_name(study)
        return None if experiment is None else str(experiment.experiment_id)

    def _make_experiment(self, study: str) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.create_experiment(study))
        except MlflowException:
            # Another machine may have made it meanwhile.
            found = self.find_experiment(study)
            if found is None:
                raise
            return found

    def search(self, experiment: str, condition: str = "") -> list["Run"]:
        """All runs that fulfil a condition of MLflow's search, oldest first."""
        runs: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [experiment], condition, order_by=["attributes.start_time ASC"], max_results=PAGE, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def upload(self, record: Record, runs: Runs, extra: Mapping[str, float] | None = None) -> bool:
        """Bring MLflow up to date with a record, and return whether there was anything to do.

        Parameters
        ----------
        record : Record
            Of a study that nobody else mirrors at the same time.
        runs : Runs
            Where it is.
        extra : mapping, optional
            More metrics, for the last epoch.
        """
        state = f"{record.revision} {record.status}"
        known = self._known(record.study)
        mirrored = known.get(record.record_id)
        if mirrored is not None and mirrored.state == state:
            return False
        config = record.run_config()
        if mirrored is None:
            # Another sweep may have mirrored it since this one asked.
            same = self.search(self.experiment(record.study), f"tags.{RECORD_ID} = '{record.record_id}'")
            mirrored = Mirrored(same[0].info.run_id if same else self._create(record, config))
            known[record.record_id] = mirrored
        if not mirrored.state:
            self.log(mirrored.run_id, params=flat(record.config))
            self.client.log_inputs(mirrored.run_id, dataset_inputs(record))
        self.log(mirrored.run_id, epoch_points(record, mirrored.epochs, extra or {}))
        if record.ended is not None:
            self.log(mirrored.run_id, result_points(record))
        self._artifacts(mirrored.run_id, record, runs)
        if mirrored.status != record.status:
            self._status(mirrored, record, config)
            self._sum_up(record, cell_of_run(record, config))
        self.client.set_tag(mirrored.run_id, MIRRORED, state)
        mirrored.state, mirrored.epochs = state, len(record.history)
        return True

    def _known(self, study: str) -> dict[str, Mirrored]:
        """What MLflow has of a study's records."""
        if study not in self._mirrored:
            found = self.search(self.experiment(study), f"tags.{KIND} = '{KIND_RUN}'")
            self._mirrored[study] = {
                run.data.tags[RECORD_ID]: Mirrored(run.info.run_id, run.data.tags.get(MIRRORED, ""))
                for run in found
                if RECORD_ID in run.data.tags
            }
        return self._mirrored[study]

    def _create(self, record: Record, config: RunConfig) -> str:
        """Open a run; others of the same configuration that still stand as running have been given up."""
        experiment = self.experiment(record.study)
        given_up = f"tags.run_key = '{record.run_key}' and attributes.status = 'RUNNING'"
        for run in self.search(experiment, given_up):
            self.client.set_tag(run.info.run_id, "status", "interrupted")
            self.client.set_terminated(run.info.run_id, MLFLOW_STATUS["interrupted"])
        cell = self._cell(experiment, cell_of_run(record, config), record)
        tags = {
            **{name: str(value) for name, value in record.environment.items()},
            **titles(config),
            **{KIND: KIND_RUN, RECORD_ID: record.record_id, "run_key": record.run_key, "cell_key": record.cell_key},
            **{PARENT: cell, "study": record.study, "status": record.status, NOTE: describe(config)},
            # What MLflow's own columns show.
            **{"mlflow.source.name": str(record.environment["command"]), "mlflow.source.type": "LOCAL"},
            "mlflow.source.git.commit": str(record.environment["commit"]).partition("+")[0],
            "mlflow.user": user(),
        }
        run = self.client.create_run(experiment, milliseconds(record.started), tags, run_name(config))
        return str(run.info.run_id)

    def _cell(self, experiment: str, cell: CellRun, record: Record) -> str:
        """Id of the run of a cell, which is made if it is not there.

        Two machines may make one each in the same instant. Both then name the same key, each sums up all runs of it,
        and later runs go to the older one.
        """
        if (experiment, cell.key) not in self._cells:
            found = self.search(experiment, f"tags.cell_key = '{cell.key}' and tags.{KIND} = '{KIND_CELL}'")
            tags, start = dict(cell.tags), milliseconds(record.started)
            run = found[0] if found else self.client.create_run(experiment, start, tags, cell.name)
            self.log(run.info.run_id, params=cell.params)
            self.client.log_inputs(run.info.run_id, dataset_inputs(record))
            self._cells[experiment, cell.key] = str(run.info.run_id)
        return self._cells[experiment, cell.key]

    def _artifacts(self, run_id: str, record: Record, runs: Runs) -> None:
        self.client.log_text(run_id, record.to_json(), RECORD_FILE)
        if record.details:
            self.client.log_text(run_id, record.details, "error.txt")
        if record.status == "finished":
            for name, table in record.tables.items():
                if name != CURVE:
                    self.client.log_dict(run_id, {name: table}, f"{name}.json")
            model = runs.folder(record.study, record.run_key) / MODEL_FOLDER
            if model.is_dir():
                log_model(self.client, self.experiment(record.study), run_id=run_id, folder=model)

    def _status(self, mirrored: Mirrored, record: Record, config: RunConfig) -> None:
        run_id = mirrored.run_id
        facts: dict[str, str] = {record.status: record.reason} if record.reason else {}
        if record.status == "finished":
            facts = outcome_facts(record.measures)
        self.client.set_tag(run_id, NOTE, describe(config, facts))
        if record.reason or mirrored.status not in ("", "running"):
            self.client.set_tag(run_id, "reason", record.reason)
        self.client.set_tag(run_id, "status", record.status)
        status = MLFLOW_STATUS[record.status]
        name = run_name(config, record.measures.get("accuracy_last"))
        self.client.update_run(run_id, status="RUNNING", name=name)
        if status != "RUNNING":
            self.client.set_terminated(run_id, status, milliseconds(record.ended or time.time()))

    def _sum_up(self, record: Record, cell: CellRun) -> None:
        experiment = self.experiment(record.study)
        found = self.search(experiment, f"tags.cell_key = '{cell.key}' and tags.{KIND} = '{KIND_RUN}'")
        metrics, statuses, status = summary(found)
        run_id = self._cell(experiment, cell, record)
        self.log(run_id, [(name, value, time.time(), 0) for name, value in metrics.items()])
        self.client.set_tag(run_id, "status", statuses)
        self.client.update_run(run_id, status="RUNNING", name=cell.name_with_result(metrics))
        if status != "RUNNING":
            self.client.set_terminated(run_id, status)

    def log(self, run_id: str, points: Iterable[Point] = (), params: Mapping[str, str] | None = None) -> None:
        """Log metrics and parameters in as many calls as MLflow needs for them."""
        from mlflow.entities import Metric, Param

        metrics = [Metric(name, value, milliseconds(moment), step) for name, value, moment, step in points]
        for first in range(0, len(metrics), METRICS_A_CALL):
            self.client.log_batch(run_id, metrics[first : first + METRICS_A_CALL])
        if params:
            self.client.log_batch(run_id, params=[Param(name, value) for name, value in params.items()])


def epoch_points(record: Record, after: int, extra: Mapping[str, float]) -> list[Point]:
    """Numbers of the epochs after the first so many, and more of the last one."""
    points = []
    for epoch, moment in list(zip(record.history, record.epoch_times(), strict=True))[after:]:
        values = {name: value for name, value in epoch.numbers().items() if name != "epoch" and value is not None}
        points += [(name, float(value), moment, epoch.epoch) for name, value in values.items()]
    last = len(record.history)
    return points + [(name, value, time.time(), last) for name, value in extra.items() if last]


def result_points(record: Record) -> list[Point]:
    """Numbers of the final model, those of each layer, and the accuracy after each time step."""
    moment = record.ended or record.started
    points = [(name, value, moment, 0) for name, value in record.measures.items()]
    points += [(CURVE, value, moment, step) for step, value in enumerate(record.tables.get(CURVE, ()), start=1)]
    for layer in record.tables.get("layers", ()):
        points += [(f"layers/{layer['name']}/{name}", layer[name], moment, 0) for name in LAYER_METRICS]
    return points


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of MLflow: dotted names, and values as text."""
    return {name: str(value) for name, value in flatten(config)}


def milliseconds(moment: float) -> int:
    """Convert seconds since 1970 as MLflow has them."""
    return int(moment * 1000)


def user() -> str:
    """Who runs this; in a container nobody may have a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
