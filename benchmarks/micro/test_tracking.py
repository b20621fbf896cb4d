"""What logging costs, on a SQLite file with 50 runs in it: opening and closing a run, and an epoch in between."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.config import Execution, validate_run
from benchmarks.environment import describe_environment
from benchmarks.records import EpochRecord
from benchmarks.tracking import MlflowRunTracker, MlflowTracker

pytest.importorskip("pytest_benchmark")
RUNS, SEEDS = 50, 5


@pytest.fixture(scope="module")
def open_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], MlflowRunTracker]:
    """Open a run on a store that has some already."""
    folder = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tracker = MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}")
        environment = describe_environment(Execution(device="cpu"), command="", data_source="", data_checksum="0" * 64)
        config = {"dataset": "digits", "method": "tssl_bp", "architecture": "12", "epochs": 1}

        def start(number: int = RUNS) -> MlflowRunTracker:
            cell, seed = divmod(number, SEEDS)
            return tracker.start("cost", validate_run({**config, "time_steps": 1 + cell, "seed": seed}), environment)

        for number in range(RUNS):
            log_epochs(start(number), 3).close("finished")
        return start


def log_epochs(run: MlflowRunTracker, epochs: int) -> MlflowRunTracker:
    """Log epochs that took no time."""
    for epoch in range(1, epochs + 1):
        run.epoch(
            EpochRecord(
                epoch=epoch,
                train_loss=1.0,
                train_accuracy=0.5,
                test_accuracy=0.5,
                train_seconds=1.0,
                test_seconds=1.0,
            )
        )
    return run


def test_cost_of_a_run_without_epochs(benchmark, open_run, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Opening a run and closing it."""
    monkeypatch.chdir(tmp_path)
    benchmark.pedantic(lambda: open_run().close("finished"), rounds=10)


def test_cost_of_a_hundred_short_epochs(benchmark, open_run, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Epochs that wait to be sent together."""
    monkeypatch.chdir(tmp_path)
    benchmark.pedantic(log_epochs, setup=lambda: ((open_run(), 100), {}), rounds=3)


def test_cost_of_an_epoch_that_is_sent_at_once(benchmark, open_run, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Ten epochs, each in a call of its own; in a run there is one such call in 5 s at most."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.tracking.outbox.FLUSH_SECONDS", 0.0)
    benchmark.pedantic(log_epochs, setup=lambda: ((open_run(), 10), {}), rounds=3)
