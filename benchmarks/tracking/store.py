"""The MLflow store: one experiment a study, one MLflow run a cell, and nested under it one a training run."""

import getpass
import json
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from tqdm import tqdm

from benchmarks.config import RunConfig
from benchmarks.environment import Environment
from benchmarks.errors import TrackingError
from benchmarks.nested import flatten
from benchmarks.records import EpochRecord
from benchmarks.tracking.calls import Opening, Text, batches, now, points_of
from benchmarks.tracking.cells import NOTE, cell_of_run, describe, run_name, titles
from benchmarks.tracking.connection import DEFAULT_TRACKING_URI, Connection, errors_explained
from benchmarks.tracking.inputs import inputs_of
from benchmarks.tracking.journal import DEFAULT_FOLDER, Journal
from benchmarks.tracking.outbox import Outbox
from benchmarks.tracking.protocol import DONE
from benchmarks.tracking.reading import epoch_rows, run_row, run_tables, step_rows
from benchmarks.tracking.report import log_report
from benchmarks.tracking.run import MlflowRunTracker, epoch_values
from benchmarks.tracking.sender import Sender
from benchmarks.tracking.system import SystemSampler

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True, kw_only=True)
class TrackingOptions:
    """What is kept of a run, and how.

    Parameters
    ----------
    models : bool
        Whether to keep trained models.
    system_metrics : bool
        Whether to log the use of processor, memory, disk and network, if psutil is installed.
    pending : Path
        Folder of what has not arrived in the store.
    patience : float
        Seconds that a run waits at its end for a store that does not answer.
    """

    models: bool = False
    system_metrics: bool = True
    pending: Path = DEFAULT_FOLDER
    patience: float = 30.0


class MlflowTracker:
    """Keeps the runs in an MLflow store; see docs/mlflow.md.

    Parameters
    ----------
    uri : str
        MLflow tracking URI: ``sqlite:///file.db``, or ``http://...`` of a server.
    options : TrackingOptions
        See there.

    Raises
    ------
    TrackingError
        If MLflow is not installed or the store cannot be used. Once a run has begun, nothing that happens to the
        store is an error: what could not be said is kept and said later, see `replay`.
    """

    def __init__(self, uri: str = DEFAULT_TRACKING_URI, options: TrackingOptions | None = None) -> None:
        self.uri, self.options = uri, options or TrackingOptions()
        self.connection = Connection(uri)
        self.client = self.connection.client
        self.sender = Sender(self.client)
        self._left: list[Path] = []
        self._open: WeakSet[Outbox] = WeakSet()

    def done_keys(self, study: str) -> set[str]:
        """Keys of the runs of a study that need not run again."""
        return {run.data.tags["run_key"] for run in self._runs(study) if run.data.tags.get("status") in DONE}

    def is_done(self, study: str, run_key: str) -> bool:
        """Whether a run need not run again; False if the store cannot be asked."""
        found: list[Run] = []
        self.connection.attempt(lambda: found.extend(self._runs(study, f"tags.run_key = '{run_key}'")))
        return any(run.data.tags.get("status") in DONE for run in found)

    def start(
        self, study: str, config: RunConfig, environment: Environment, *, done: Sequence[EpochRecord] | None = None
    ) -> MlflowRunTracker:
        """Open a run, see `Tracker.start`: configuration as parameters, environment as tags, both as files."""
        began = time.perf_counter()
        if done is not None:
            # What a process that was killed left behind belongs to the run before what follows.
            self.replay()
        opening = self._opening(study, config, environment, done)
        outbox = Outbox(self.connection, self.sender, Journal.create(self.options.pending, opening), opening)
        values = config.model_dump(mode="json")
        outbox.add(*batches(params={key: str(value) for key, value in flatten(values)}))
        outbox.add(Text("config.json", in_full(values)), Text("environment.json", in_full(asdict(environment))))
        outbox.add(inputs_of(config, environment))
        outbox.flush()
        self._open.add(outbox)
        return MlflowRunTracker(
            config,
            outbox,
            close_outbox=self._close,
            keep_model=self.options.models,
            system=SystemSampler.if_possible() if self.options.system_metrics else None,
            seconds=time.perf_counter() - began,
        )

    def _opening(
        self, study: str, config: RunConfig, environment: Environment, done: Sequence[EpochRecord] | None
    ) -> Opening:
        tags = {"study": study, "status": "running", "run_key": config.run_key, NOTE: describe(config)}
        tags |= {key: str(value) for key, value in asdict(environment).items()} | titles(config)
        # What MLflow's own columns show.
        tags |= {"mlflow.source.name": environment.command, "mlflow.source.type": "LOCAL"}
        tags |= {"mlflow.source.git.commit": environment.commit.partition("+")[0], "mlflow.user": user()}
        return Opening(
            tracking_id=uuid.uuid4().hex,
            uri=self.connection.uri,
            study=study,
            name=run_name(config),
            start_time=now(),
            tags=tags,
            cell=cell_of_run(config, study),
            resume=done is not None,
            done=points_of(value for record in done or () for value in epoch_values(record)),
        )

    def _close(self, outbox: Outbox, may_wait: bool) -> None:
        """Have the rest of a run sent; wait for a store that does not answer only once in a row."""
        self._open.discard(outbox)
        waited_before = bool(self._left)
        if outbox.close(patience=self.options.patience if may_wait and not waited_before else 0.0):
            self._left.clear()
            if waited_before:
                self.replay()
            return
        self._left.append(outbox.journal.path)
        say(f"{self.connection.failure}. The run is kept in {outbox.journal.path} and sent later: by the next runs,")
        say("or at the next start of tssl run, sweep or reproduce in this folder")

    def replay(self) -> int:
        """Send what earlier runs left behind, in this process or in one that has ended; return how many were sent."""
        sent = 0
        for journal in Journal.left_behind(self.options.pending):
            try:
                sent += self._replay(journal)
            except TrackingError as error:
                journal.close()
                say(str(error))
        if sent:
            say(f"sent {sent} runs to {self.uri} that were kept in {self.options.pending}")
        return sent

    def _replay(self, journal: Journal) -> bool:
        opening, calls = journal.read()
        if opening.uri != self.connection.uri:
            journal.close()
            return False
        outbox = Outbox(self.connection, self.sender, journal, opening, calls)
        if not outbox.close(patience=0.0):
            raise TrackingError(f"{self.connection.failure}. {journal.path} is kept and sent later")
        return True

    def log_report(self, study: str, folder: Path) -> None:
        """Keep the files of a study's report in a run of their own; say so if that does not work."""
        if not self.connection.attempt(lambda: log_report(self.sender, study, folder), at_once=True):
            say(f"{self.connection.failure}. The report is not in MLflow; it is in {folder}")

    def rows(self, study: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read a study back, oldest run first: a row a run, and a row an epoch.

        Raises
        ------
        TrackingError
            If there is no such study; lists those that there are.
        """
        with errors_explained(self.uri):
            if self.sender.find_experiment(study) is None:
                known = ", ".join(sorted(e.name for e in self.client.search_experiments())) or "none"
                raise TrackingError(f"no study {study!r} in {self.uri}; it has: {known}")
            runs = self._runs(study)
            return [run_row(run) for run in runs], [row for run in runs for row in epoch_rows(self.client, run)]

    def anytime_rows(self, study: str) -> list[dict[str, Any]]:
        """Read the accuracy after each time step back: a row a run and step, oldest run first."""
        with errors_explained(self.uri):
            return [row for run in self._runs(study) for row in step_rows(self.client, run)]

    def tables(self, study: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read `RunRecord.tables` back: key of a run, and the content of its files in one, oldest run first."""
        with errors_explained(self.uri), TemporaryDirectory() as folder:
            for run in self._runs(study):
                yield run.data.tags["run_key"], run_tables(self.client, run, Path(folder))

    def _runs(self, study: str, condition: str = "") -> list["Run"]:
        """All training runs of a study, oldest first, with all that this tracker was told; cells have no key."""
        for outbox in list(self._open):
            outbox.flush()
        with errors_explained(self.uri):
            experiment = self.sender.find_experiment(study)
            found = [] if experiment is None else self.sender.search(experiment, condition)
        return [run for run in found if "run_key" in run.data.tags]


def in_full(values: Any) -> str:
    """Write values as JSON for people."""
    return json.dumps(values, indent=2)


def user() -> str:
    """Who runs this; in a container nobody may have a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def say(message: str) -> None:
    """Print a line between progress bars."""
    tqdm.write(message, file=sys.stderr)
