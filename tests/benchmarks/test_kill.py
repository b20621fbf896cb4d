"""Sweeps that are killed by SIGKILL again and again end with the table of a sweep that was left alone."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.checkpoints import read_checkpoint
from benchmarks.file_tracking import JsonTracker
from benchmarks.tracking import open_store
from tests.benchmarks.numbers import numbers_of

ROOT = Path(__file__).parents[2]

STUDY = """
name = "tiny"
title = "Tiny"

[run]
dataset = "digits"
architecture = "4C3d0.2-P2-20"
epochs = 4
train_samples = 150
test_samples = 60
held_out = 40
protocol = "smoke"

[grid]
method = ["tssl_bp", "ann"]
seed = [0, 1]
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_a_sweep_that_is_killed_again_and_again_ends_with_the_same_numbers_of(store: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(STUDY)
    kills = {"json:killed": 8, store: 3}
    command = [sys.executable, "-m", "tests.benchmarks.killing", "tiny.toml"]
    command += [part for uri, count in kills.items() for part in (uri, str(count))]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # One may also be killed between the end of a run that went on and the line that says so.
    assert "went on after epoch" in "".join(path.read_text() for path in tmp_path.glob("killed-*.log"))
    undisturbed = numbers_of(JsonTracker(tmp_path / "undisturbed"))
    for number, (uri, line) in enumerate(zip(kills, done.stdout.splitlines(), strict=True)):
        log = (tmp_path / f"killed-{number}.log").read_text()
        codes = [int(code) for code in line.split()]
        assert set(codes) == {0, -signal.SIGKILL}, log
        assert codes[-1] == 0, log
        tracker = open_store(uri)  # the fixture has made tmp_path the working folder
        assert numbers_of(tracker) == undisturbed
        runs, epochs = tracker.rows("tiny")
        assert (len(runs), len(epochs)) == (4, 4 * 4)
        assert not any(path.is_file() for path in (tmp_path / f"checkpoints-{number}").rglob("*"))


def test_sigterm_closes_the_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    command: list[Any] = [sys.executable, "-m", "benchmarks", "run", "--study", "tiny", "--device", "cpu"]
    for text in ("dataset=digits", "method=ann", "architecture=30", "epochs=200"):
        command += ["--set", text]
    command += ["--tracking-uri", f"json:{tmp_path / 'runs'}", "--checkpoints", str(tmp_path / "checkpoints")]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any((tmp_path / "checkpoints").rglob("epoch-000003-*.pt")):
            time.sleep(0.01)
        process.terminate()
        _, error = process.communicate()
    assert process.returncode == 143
    said, _, typed = error.strip().splitlines()[-1].partition(" go on with: ")
    assert said == "tssl: stopped;"
    assert shlex.split(typed) == command
    (run,) = JsonTracker(tmp_path / "runs")._runs("tiny")
    assert (run["status"], run["reason"]) == ("stopped", "stopped by SIGTERM")
    newest = max((tmp_path / "checkpoints").rglob("*.pt"))
    # An epoch is in the checkpoint before it is logged.
    behind = len(read_checkpoint(newest)["history"])
    assert behind >= 3
    assert behind - len(run["epochs"]) in (0, 1)
    assert not any((tmp_path / "checkpoints").rglob("*.lock"))
