"""Runs without training, for the tests of tracking."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.results import EpochResult, RunResult
from benchmarks.tracking import Mirror, OpenRecord, Record, Runs
from benchmarks.tracking.environment import Environment
from benchmarks.tracking.upload import Uploader

STUDY = "tiny"

ENVIRONMENT = Environment(
    **{
        key: key for key in Environment.__annotations__ if key not in ("precision", "cores", "threads", "data_checksum")
    },
    precision="float32",
    cores=2,
    threads=1,
    data_checksum="0123456789abcdef" * 4,
)


def config_of(**changes: Any) -> RunConfig:
    base = {"dataset": "digits", "method": "tssl_bp", "architecture": "12", "epochs": 3}
    return validate_run({**base, **changes})


def epoch(number: int, accuracy: float = 0.5) -> EpochResult:
    return EpochResult(
        epoch=number,
        train_loss=1 / number,
        train_accuracy=accuracy,
        test_accuracy=accuracy,
        train_seconds=1.0,
        test_seconds=0.5,
    )


def outcome(accuracy: float = 0.5) -> RunResult:
    measures = {
        "accuracy_last": accuracy,
        "accuracy_best": accuracy,
        "best_epoch": 1.0,
        "silent_fraction": 0.7,
        "latency_ms": 1.0,
        "training_seconds": 3.0,
        "peak_memory_mib": 300.0,
    }
    return RunResult(measures=measures, tables={"accuracy_at_step": (0.1, accuracy)})


def begin(runs: Runs, config: RunConfig, *, history: Sequence[EpochResult] | None = None) -> OpenRecord:
    return runs.begin(Record.begin(STUDY, config, ENVIRONMENT, Execution(device="cpu")), history)


def log_run(runs: Runs, config: RunConfig, accuracy: float = 0.5, *, epochs: int = 3) -> None:
    run = begin(runs, config)
    for number in range(1, epochs + 1):
        run.epoch(epoch(number, accuracy))
    run.finish(outcome(accuracy))


def mlflow_runs(mirror: Mirror, kind: str = "run") -> list[Any]:
    """What MLflow has of the study, oldest first."""
    uploader = Uploader(mirror.connection.client())
    experiment = uploader.find_experiment(STUDY)
    return [] if experiment is None else uploader.search(experiment, f"tags.kind = '{kind}'")


@contextmanager
def locked(uri: str) -> Iterator[None]:
    """Hold a write lock on a SQLite store."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()
