"""The record of a run: all that is known of it, in one JSON file, ``run.json``, which is what everything reads."""

import json
import os
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, kept_run
from benchmarks.errors import TrackingError
from benchmarks.results import EpochResult, RunResult, Status
from benchmarks.tracking.environment import Environment

FORMAT = 1
"""Version of the file; a file of another one is refused."""

DONE: tuple[Status, ...] = ("finished", "diverged", "skipped")
"""A run that ended so is not run again: its configuration would lead to the same end."""

UNFINISHED: tuple[Status, ...] = ("running", "interrupted")
"""A run that stands so goes on in the same record."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run as it stands.

    Parameters
    ----------
    record_id : str
        Unique; a run that is begun anew gets another.
    revision : int
        Counts the changes.
    study, run_key, cell_key : str
        Which run, see `RunConfig`.
    config : mapping
        The whole validated `RunConfig`.
    execution : mapping
        Where and how: device, backend, threads, precision as they were in effect, CUDA graphs, cuDNN's choice.
    environment : mapping
        See `benchmarks.tracking.environment.Environment`.
    process : mapping
        Machine and process that are, or were, at work on it.
    status, reason, details : str
        How it stands; without a result, why in a line, and what to look into.
    started, ended : float
        Seconds since 1970; the end is None until there is one.
    history : tuple of EpochResult
        Of the epochs so far.
    measures : mapping
        Numbers of the final model and of the whole run.
    tables : mapping
        What is more than single numbers, see `RunResult`.
    """

    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    revision: int = 0
    study: str
    run_key: str
    cell_key: str
    config: Mapping[str, Any]
    execution: Mapping[str, Any]
    environment: Mapping[str, Any]
    process: Mapping[str, Any]
    status: Status = "running"
    reason: str = ""
    details: str = ""
    started: float = field(default_factory=time.time)
    ended: float | None = None
    history: tuple[EpochResult, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, study: str, config: RunConfig, environment: Environment, execution: Execution) -> "Record":
        """Return the record of a run that begins now, in this process."""
        return cls(
            study=study,
            run_key=config.run_key,
            cell_key=config.cell_key,
            config=config.model_dump(mode="json"),
            execution=describe_execution(execution, config, environment),
            environment=asdict(environment),
            process={"host": socket.gethostname(), "pid": os.getpid()},
        )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Record":
        """Return the record that `to_json` has written, given as plain values.

        Raises
        ------
        TrackingError
            If it is none, or of another version.
        """
        content = dict(values)
        version = content.pop("format", None)
        if version != FORMAT:
            raise TrackingError(f"it has format {version}; expected the record of a run in format {FORMAT}")
        try:
            record = cls(**{**content, "history": tuple(map(EpochResult.of, content["history"]))})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TrackingError(f"it is no record of a run: {error}") from error
        for name in ("config", "execution", "environment", "process", "measures", "tables"):
            if not isinstance(getattr(record, name), Mapping):
                raise TrackingError(f"it is no record of a run: its {name} is no table")
        if missing := {"commit", "command"} - record.environment.keys():
            raise TrackingError(f"it is no record of a run: its environment lacks {', '.join(sorted(missing))}")
        return record

    @property
    def done(self) -> bool:
        """Whether the run need not run again."""
        return self.status in DONE

    def run_config(self) -> RunConfig:
        """Return the configuration.

        Raises
        ------
        ConfigError
            If the code at hand does not have such a method, dataset or setting.
        """
        return kept_run(self.config)

    def goes_on(self, now: "Record", history: Sequence[EpochResult]) -> "Record":
        """Return this record, taken up by the process of another one with these epochs behind it."""
        return replace(
            now, record_id=self.record_id, revision=self.revision, started=self.started, history=tuple(history)
        )

    def with_epoch(self, epoch: EpochResult) -> "Record":
        """Add an epoch, in place of an earlier one of its number."""
        kept = (other for other in self.history if other.epoch < epoch.epoch)
        return replace(self, history=(*kept, epoch))

    def with_result(self, result: RunResult) -> "Record":
        """Add the outcome."""
        return replace(self, measures=result.measures, tables=result.tables)

    def ended_as(self, status: Status, reason: str = "", details: str = "") -> "Record":
        """End the run."""
        return replace(self, status=status, reason=reason, details=details, ended=time.time())

    def epoch_times(self) -> list[float]:
        """Seconds since 1970 at which the epochs ended, interruptions and all but the epochs left out."""
        times, moment = [], self.started
        for epoch in self.history:
            moment += epoch.train_seconds + epoch.test_seconds
            times.append(moment)
        return times

    def to_json(self) -> str:
        """Write it for a file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)


def describe_execution(execution: Execution, config: RunConfig, environment: Environment) -> dict[str, Any]:
    """What of an execution is in effect in a run."""
    return {
        "device": execution.device,
        "backend": environment.backend,
        "threads": environment.threads,
        "precision": environment.precision,
        "cuda_graphs": execution.cuda_graphs,
        "cudnn_benchmark": execution.benchmarks_cudnn(config),
    }
