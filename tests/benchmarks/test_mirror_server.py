"""A real MLflow server, which is killed in the middle of a study and comes back."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.config.execution import Execution
from benchmarks.study.study import Study, cell_of
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Mirror, Runs, records_in_mlflow
from tests.benchmarks.tracked import STUDY, config_of, mlflow_runs

SMALL = {"method": "ann", "epochs": 1, "train_samples": 64, "test_samples": 50}


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def start(store: str, tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:
    """Start ``mlflow server`` on a port, and wait until it answers."""
    processes = []

    def started(port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", "1", "--backend-store-uri", store]
        command += ["--artifacts-destination", str(tmp_path / "artifacts")]
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (tmp_path / "server.log").open("a") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=tmp_path, start_new_session=True
            )
        processes.append(process)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                return process
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        raise AssertionError("the server did not start")

    yield started
    for process in processes:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a server with its workers."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def test_a_server_that_is_killed_in_the_middle_has_each_run_once_when_it_is_back_slow(
    start: Callable[[int], "subprocess.Popen[bytes]"],
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """About 20 s: the only test that starts a server."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port, runs = free_port(), Runs(tmp_path / "runs")
    server, uri = start(port), f"http://127.0.0.1:{port}"
    cells = [cell_of(config_of(seed=seed, **SMALL)) for seed in (0, 1)]
    first, both = (Study(STUDY, STUDY, "smoke", "tssl sweep", tuple(cells[:count])) for count in (1, 2))
    execution = Execution(device="cpu")
    assert run_study(first, execution, runs, mirror=Mirror(uri), keep_models=True) == {"finished": 1}
    assert records_in_mlflow(uri, STUDY) == runs.records(STUDY)
    assert list((tmp_path / "artifacts").rglob("weights.pt")), "sent through the server"
    mirror = Mirror(uri)
    mirror.connection.client()
    kill(server)
    assert run_study(both, execution, runs, mirror=mirror) == {"finished": 1}
    assert f"cannot use the tracking store '{uri}'" in capsys.readouterr().err
    assert len(runs.records(STUDY)) == 2
    start(port)
    assert Mirror(uri).sync(runs, STUDY) == 1
    assert records_in_mlflow(uri, STUDY) == runs.records(STUDY)
    in_file = Mirror(store)
    assert [run.info.status for run in mlflow_runs(in_file)] == ["FINISHED"] * 2
    (cell,) = mlflow_runs(in_file, "cell")
    assert cell.data.metrics["seeds_finished"] == 2
