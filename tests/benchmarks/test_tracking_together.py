"""Several writers on one store, and a real MLflow server."""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.config import Execution
from benchmarks.study import Study, cell_of
from benchmarks.sweep import run_study
from benchmarks.tracking import MlflowTracker, TrackingOptions, open_tracker
from tests.benchmarks.tracked import ENVIRONMENT, STUDY, config_of, epoch, impatient, log_run, outcome

ROOT = Path(__file__).parents[2]
PROCESSES, EPOCHS = 8, 3
CONFIGS = [config_of(seed=number) for number in range(PROCESSES)]  # imports methods and datasets, before the forks


def write_runs(store: str, number: int) -> None:
    """What each process does: a run, of whose cell others write the other seeds."""
    # A server may be busy for as long as it takes; nothing is given up here.
    tracker = MlflowTracker(store, TrackingOptions(patience=120.0))
    run = tracker.start(STUDY, CONFIGS[number], ENVIRONMENT)
    for count in range(1, EPOCHS + 1):
        run.epoch(epoch(count, number / 100 + count / 1000))
        run._outbox.flush()
    run.finish(outcome(number / 100))


def test_eight_processes_on_one_file_lose_nothing(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # MLflow and this file are imported once, in the process that the others are forked from, which has to find them.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "mlflow.store.tracking.sqlalchemy_store"])
    processes = [context.Process(target=write_runs, args=(store, number)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    tracker = MlflowTracker(store)
    tracker.replay()
    runs, epochs = tracker.rows(STUDY)
    expected = {config.run_key: number for number, config in enumerate(CONFIGS)}
    assert {row["run_key"]: row["accuracy_last"] for row in runs} == {
        key: number / 100 for key, number in expected.items()
    }
    assert {row["status"] for row in runs} == {"finished"}
    assert len(epochs) == len(expected) * EPOCHS
    for row in epochs:
        assert row["test_accuracy"] == expected[row["run_key"]] / 100 + row["epoch"] / 1000
    cells = tracker.sender.search(tracker.sender.experiment(STUDY), "tags.kind = 'cell'")
    assert cells, "one, or one each for some that began in the same instant"
    assert max(cell.data.metrics["seeds_finished"] for cell in cells) == PROCESSES
    assert not Path("tracking-pending").exists()


@pytest.fixture
def server(store: str, tmp_path: Path) -> Iterator[str]:
    """A real ``mlflow server`` on a free port."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(tmp_path / "artifacts")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=tmp_path)
    uri = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        yield uri
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_a_study_through_a_real_server_slow(server: str, store: str, tmp_path: Path) -> None:
    """About 15 s: the only test that starts a server."""
    small = {"epochs": 1, "train_samples": 64, "test_samples": 50}
    cells = tuple(cell_of(config_of(method="ann", seed=seed, **small)) for seed in (0, 1))
    study = Study(STUDY, STUDY, "smoke", "tssl sweep", cells)
    tracker = MlflowTracker(server, TrackingOptions(models=True))
    assert run_study(study, Execution(device="cpu"), tracker) == {"finished": 2}
    over_http, in_file = tracker.rows(STUDY), MlflowTracker(store).rows(STUDY)
    assert over_http == in_file
    assert [sum(map(sum, tables["confusion"])) for _, tables in tracker.tables(STUDY)] == [50, 50]
    assert run_study(study, Execution(device="cpu"), open_tracker(server)) == {}
    (cell,) = tracker.sender.search(tracker.sender.experiment(STUDY), "tags.kind = 'cell'")
    assert cell.data.metrics["seeds_finished"] == 2
    assert list((tmp_path / "artifacts").rglob("weights.pt")), "sent through the server"


def test_a_server_that_does_not_answer_does_not_end_a_run(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("benchmarks.tracking.connection.check_sqlite", lambda _uri: None)
    tracker = impatient(store)
    from mlflow import MlflowClient

    # As if it had gone after the start.
    tracker.connection.uri = "http://127.0.0.1:9"
    tracker.client = tracker.connection.client = tracker.sender.client = MlflowClient("http://127.0.0.1:9")
    log_run(tracker, config_of())
    assert "cannot use the tracking store 'http://127.0.0.1:9'" in capsys.readouterr().err
    assert len(list(Path("tracking-pending").glob("*.jsonl"))) == 1
