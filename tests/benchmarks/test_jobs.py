"""A sweep with ``--jobs``: the numbers of one process, whatever happens to the workers."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.cli.main import main
from benchmarks.platform.locks import is_locked
from benchmarks.tracking import Runs
from tests.benchmarks.numbers import SWEEP, numbers_of, write_study
from tests.benchmarks.signals import heeding_ctrl_c
from tests.benchmarks.toy_jobs import PATIENCE

ROOT = Path(__file__).parents[2]
LONG = ["--set", "run.epochs=300", "--set", "grid.method=['ann']"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    write_study()
    yield
    torch.set_num_threads(threads)


def wait_for_epochs(runs: int) -> list[Path]:
    """Folders of so many runs that have a checkpoint and are in progress."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        folders = {path.parent for path in Path("runs").rglob("epoch-*.pt")}
        folders = {folder for folder in folders if is_locked(folder / "lock")}
        if len(folders) >= runs:
            return sorted(folders)
        time.sleep(0.005)
    raise AssertionError("no epoch ended")


def kill_a_worker() -> None:
    """Kill the process at work on a run that has a checkpoint; it may have ended while this looked."""
    record = None
    while record is None or record.status != "running":
        record = Runs().find("tiny", wait_for_epochs(1)[0].name)
    os.kill(record.process["pid"], signal.SIGKILL)


def test_two_jobs_give_the_numbers_of_one_process_though_a_worker_is_killed(capfd: pytest.CaptureFixture[str]) -> None:
    more = ["--set", "run.epochs=12"]
    assert main([*SWEEP, *more, "--runs", "here", "--tracking-uri", "off", "--threads", "1"]) == 0
    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    jobs = ["--jobs", "2", "--threads", "1"]
    assert main([*SWEEP, *more, "--tracking-uri", "off", *jobs]) == 0
    killer.join()
    assert re.search(r"went on after epoch \d", capfd.readouterr().out)
    records = Runs().records("tiny")
    assert numbers_of(records) == numbers_of(Runs(Path("here")).records("tiny"))
    assert {record.execution["threads"] for record in records} == {1}
    assert not any(Path("runs").rglob("epoch-*"))


def test_ctrl_c_stops_all_workers_and_says_how_to_go_on() -> None:
    command = heeding_ctrl_c("-m", "benchmarks", *SWEEP, *LONG, "--tracking-uri", "off", "--jobs", "2")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for_epochs(2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers, too
        _, error = process.communicate(timeout=2 * PATIENCE)  # longer than a worker gets to close its run
    assert process.returncode == 130
    assert error.startswith("tssl: stopped; go on with: "), error
    assert error.count("\n") == 1, error
    records = Runs().records("tiny")
    assert [(record.status, record.reason) for record in records] == [("interrupted", "stopped by SIGTERM")] * 2
    assert all(record.history for record in records)


def test_what_is_missing_is_said_before_a_worker_starts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = ["--set", "run.dataset=mnist", "--set", "run.architecture=10", "--data-root", str(tmp_path / "file")]
    assert main([*SWEEP, *place, "--tracking-uri", "off", "--jobs", "2"]) == 2
    assert capsys.readouterr().err.startswith("tssl: error: ")
    assert Runs().studies() == []


def test_threads_are_set_logged_and_part_of_what_a_checkpoint_belongs_to() -> None:
    assert main([*SWEEP, "--limit", "1", "--tracking-uri", "off", "--threads", "2"]) == 0
    assert torch.get_num_threads() == 2
    assert [record.execution["threads"] for record in Runs().records("tiny")] == [2]
