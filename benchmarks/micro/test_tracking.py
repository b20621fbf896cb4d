"""What keeping runs costs: writing the record after an epoch, and bringing MLflow up to date with a run."""

import itertools
from pathlib import Path

import pytest

from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.results import EpochResult
from benchmarks.tracking import Mirror, OpenRecord, Record, Runs
from benchmarks.tracking.environment import describe_environment

pytest.importorskip("pytest_benchmark")
RUNS, EPOCHS = 50, 100


def epoch(number: int) -> EpochResult:
    """An epoch that took no time."""
    return EpochResult(
        epoch=number, train_loss=1.0, train_accuracy=0.5, test_accuracy=0.5, train_seconds=1.0, test_seconds=1.0
    )


def begin(runs: Runs, seed: int) -> OpenRecord:
    """Begin a run."""
    execution = Execution(device="cpu")
    environment = describe_environment(execution, command="", data_source="", data_checksum="0" * 64)
    config = validate_run({"dataset": "digits", "method": "tssl_bp", "architecture": "12", "epochs": 1, "seed": seed})
    return runs.begin(Record.begin("cost", config, environment, execution))


def test_cost_of_the_record_after_each_of_a_hundred_epochs(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The file is written whole each time."""
    run = begin(Runs(tmp_path), 0)

    def train() -> None:
        for number in range(1, EPOCHS + 1):
            run.epoch(epoch(number))

    benchmark.pedantic(train, rounds=3)


def test_cost_of_bringing_mlflow_up_to_date_with_a_run(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """On a SQLite file with 50 runs in it; in a sweep a thread does it, every 5 s at most."""
    runs, mirror, seeds = Runs(tmp_path / "runs"), Mirror(f"sqlite:///{tmp_path / 'mlflow.db'}"), itertools.count()

    def add() -> None:
        run = begin(runs, next(seeds))
        for number in range(1, 4):
            run.epoch(epoch(number))
        run.close("finished")

    for _ in range(RUNS):
        add()
    mirror.sync(runs, "cost")
    benchmark.pedantic(lambda: mirror.sync(runs, "cost"), setup=add, rounds=10)
