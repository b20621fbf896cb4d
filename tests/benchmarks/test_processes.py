"""Worker processes: none is lost with another, and none is left behind."""

import multiprocessing
import os
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.events import workers
from benchmarks.datasets.events.workers import CHUNKS_FOR_WORKERS, shared_out
from benchmarks.executors import processes
from benchmarks.executors.executor import Outcome
from benchmarks.executors.in_process import InProcess
from benchmarks.executors.processes import Processes
from benchmarks.executors.ray_cluster import RayCluster
from benchmarks.platform.cores import usable_cores
from tests.benchmarks.signals import heeding_ctrl_c
from tests.benchmarks.toy_jobs import PATIENCE, DeadlyToLog, Toy

ROOT = Path(__file__).parents[2]


def outcomes(carry_out: Toy, *words: Any, jobs: int = 2) -> dict[Any, Outcome]:
    with closing(Processes(jobs).outcomes(carry_out, words)) as ended:
        return dict(ended)


def pids(folder: Path, word: str) -> list[int]:
    return [int(line) for line in (folder / word).read_text().split()]


def wait_for(*paths: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not all(path.exists() for path in paths):
        assert time.monotonic() < deadline, f"{[path.name for path in paths if not path.exists()]} did not come"
        time.sleep(0.01)


def test_workers_share_cores_and_the_memory_of_a_gpu() -> None:
    assert Processes(4).gpu_share == 0.25
    assert InProcess().gpu_share == 1.0
    assert [RayCluster(gpus_per_run=gpus).gpu_share for gpus in (0.0, 0.25, 1.0, 2.0)] == [1.0, 0.25, 1.0, 1.0]


def test_cells_are_shared_among_workers_that_go_on_to_the_next(tmp_path: Path) -> None:
    words = ["a", "b", "c", "d", "e"]
    ended = outcomes(Toy(tmp_path), *words)
    assert {word: outcome.line for word, outcome in ended.items()} == {word: word for word in words}
    workers = {pid for word in words for pid in pids(tmp_path, word)}
    assert len(workers) <= 2
    assert os.getpid() not in workers
    assert multiprocessing.active_children() == []


def test_a_killed_worker_takes_nothing_with_it_and_its_task_goes_to_another(tmp_path: Path) -> None:
    ended = outcomes(Toy(tmp_path), "once", "deadly", "a", "b")
    assert {word: outcome.status for word, outcome in ended.items()} == {
        "once": "finished",
        "deadly": "failed",
        "a": "finished",
        "b": "finished",
    }
    assert ended["deadly"].line == (
        "2 workers were lost at it, the last killed by SIGKILL, as the system does when memory runs out"
    )
    assert len(set(pids(tmp_path, "once"))) == 2
    assert len(set(pids(tmp_path, "deadly"))) == 3


def test_a_worker_that_cannot_even_log_that_it_gives_up_ends_nothing_else(tmp_path: Path) -> None:
    ended = outcomes(DeadlyToLog(tmp_path), "a", jobs=1)
    assert ended["a"].status == "failed"
    assert "and the worker that was to log this killed by SIGKILL" in ended["a"].line


def test_an_error_that_is_none_of_a_run_ends_all_with_its_type_and_where_it_arose(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no data") as raised:
        outcomes(Toy(tmp_path), "slow", "cursed")
    assert "toy_jobs.py" in raised.value.__notes__[0]
    assert multiprocessing.active_children() == []


def test_a_caller_that_has_enough_stops_the_runs_in_progress(tmp_path: Path) -> None:
    words: list[Any] = ["a", "slow-1", "slow-2"]
    with closing(Processes(2).outcomes(Toy(tmp_path), words)) as ended:
        next(ended)
        wait_for(tmp_path / "slow-1", tmp_path / "slow-2")
    assert {path.name for path in tmp_path.glob("*.stopped")} == {"slow-1.stopped", "slow-2.stopped"}
    assert multiprocessing.active_children() == []


PROGRAM = """
import sys
from pathlib import Path
from benchmarks.executors.processes import Processes
from benchmarks.platform.interruption import termination_raises
from tests.benchmarks.toy_jobs import Toy
if __name__ == "__main__":
    with termination_raises():
        list(Processes(2).outcomes(Toy(Path(sys.argv[1])), ["slow-1", "slow-2"]))
"""


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM to all", "SIGKILL"])
def test_no_worker_outlives_its_parent_however_that_ends(how: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = heeding_ctrl_c(str(program), str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, start_new_session=True) as parent:
        wait_for(tmp_path / "slow-1", tmp_path / "slow-2")
        if how == "SIGKILL":
            parent.kill()
        else:
            os.killpg(parent.pid, signal.SIGINT if how == "Ctrl-C" else signal.SIGTERM)
        wait_for(tmp_path / "slow-1.stopped", tmp_path / "slow-2.stopped")
        # The workers have this pipe, too: it ends with the last of them.
        _, error = parent.communicate(timeout=30)
    assert error.count(b"Traceback") == (0 if how == "SIGKILL" else 1), error.decode()


def test_workers_together_have_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "usable_cores", lambda: 8)
    assert [Processes(jobs).threads for jobs in (1, 2, 3, 8, 9)] == [8, 4, 2, 1, 1]
    monkeypatch.undo()
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def process_of(_chunk: int) -> int:
    return os.getpid()


def test_much_work_on_recordings_goes_to_as_many_processes_as_there_are_usable_cores_and_little_to_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "usable_cores", lambda: 1)
    few, many = (
        [*shared_out(process_of, range(chunks), description="chunks")]
        for chunks in (CHUNKS_FOR_WORKERS - 1, CHUNKS_FOR_WORKERS)
    )
    assert set(few) == {os.getpid()}
    assert len(many) == CHUNKS_FOR_WORKERS
    assert len(set(many)) == 1
    assert set(many) != set(few)
