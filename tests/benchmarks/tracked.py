"""Runs without training, for the tests of tracking."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.config import RunConfig, validate_run
from benchmarks.environment import Environment
from benchmarks.metrics import Activity, Latency, PeakMemory, Throughput
from benchmarks.records import EpochRecord, RunRecord
from benchmarks.tracking import MlflowTracker, TrackingOptions

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


def epoch(number: int, accuracy: float = 0.5) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        train_loss=1 / number,
        train_accuracy=accuracy,
        test_accuracy=accuracy,
        train_seconds=1.0,
        test_seconds=0.5,
    )


def outcome(accuracy: float = 0.5) -> RunRecord:
    activity = Activity(
        silent_fraction=0.7,
        silent_fraction_with_output=0.6,
        never_fraction=0.1,
        never_fraction_with_output=0.1,
        firing_rate=0.2,
        spikes_per_inference=30.0,
    )
    return RunRecord(
        accuracy_last=accuracy,
        accuracy_best=accuracy,
        best_epoch=1,
        activity=activity,
        latency=Latency(latency_ms=1.0, latency_ms_iqr=0.1, latency_ms_single=2.0, latency_ms_single_iqr=0.1),
        throughput=Throughput(train_samples_per_second=100.0, test_samples_per_second=200.0),
        memory=PeakMemory(peak_memory_mib=300.0, peak_memory_growth_mib=None),
        convergence={},
        training_seconds=3.0,
        accuracy_at_step=(0.1, accuracy),
    )


def log_run(tracker: MlflowTracker, config: RunConfig, accuracy: float = 0.5, *, epochs: int = 3) -> None:
    run = tracker.start(STUDY, config, ENVIRONMENT)
    for number in range(1, epochs + 1):
        run.epoch(epoch(number, accuracy))
    run.finish(outcome(accuracy))


def impatient(uri: str, **options: Any) -> MlflowTracker:
    """A tracker that does not wait at the end of a run."""
    return MlflowTracker(uri, TrackingOptions(**{"patience": 0.0, **options}))


@contextmanager
def locked(uri: str) -> Iterator[None]:
    """Hold a write lock on a SQLite store."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


def pending() -> list[Path]:
    """Files of runs that have not arrived."""
    return sorted(Path("tracking-pending").glob("*.jsonl"))
