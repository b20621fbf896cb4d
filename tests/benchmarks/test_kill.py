"""Sweeps that are killed by SIGKILL again and again end with the table of a sweep that was left alone."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.tracking import Mirror, Runs, records_in_mlflow
from benchmarks.tracking.upload import Uploader
from benchmarks.training.checkpoints import read_checkpoint
from tests.benchmarks.numbers import numbers_of

ROOT = Path(__file__).parents[2]
KILLS = 20

STUDY = """
name = "tiny"
title = "Tiny"

[run]
dataset = "digits"
architecture = "4C3d0.2-P2-20"
epochs = 12
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


def test_sweeps_that_are_killed_again_and_again_or_run_at_once_end_with_the_numbers_of_one_left_alone(
    store: str, tmp_path: Path
) -> None:
    (tmp_path / "tiny.toml").write_text(STUDY)
    command = [sys.executable, "-m", "tests.benchmarks.killing", "tiny.toml", store, str(KILLS)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    killed, both = ([int(code) for code in line.split()] for line in done.stdout.splitlines())
    log = (tmp_path / "killed.log").read_text()
    assert (killed.count(-signal.SIGKILL), set(killed), killed[-1]) == (KILLS, {0, -signal.SIGKILL}, 0), log
    # One may also be killed between the end of a run that went on and the line that says so.
    assert "went on after epoch" in log
    assert len(both) == 2
    assert set(both) <= {0, 1}, "1: a run was left to the other, which both may do"
    undisturbed = Runs(tmp_path / "undisturbed").records("tiny")
    assert [(record.status, len(record.history)) for record in undisturbed] == [("finished", 12)] * 4
    folders = [*tmp_path.glob("killed-?"), tmp_path / "both"]
    records = [Runs(folder).records("tiny") for folder in folders]
    for found in records:
        assert numbers_of(found) == numbers_of(undisturbed)
    assert not any(tmp_path.rglob("epoch-*"))
    mirrored = {record.record_id: record for record in records_in_mlflow(store, "tiny")}
    assert mirrored == {record.record_id: record for found in records for record in found}
    uploader = Uploader(Mirror(store).connection.client())
    in_mlflow = uploader.search(uploader.experiment("tiny"))
    assert Counter((run.data.tags["kind"], run.info.status) for run in in_mlflow) == {
        ("cell", "FINISHED"): 2,
        ("run", "FINISHED"): 4 * len(folders),
        ("method", "FINISHED"): 2,
    }
    for run in in_mlflow:
        if run.data.tags["kind"] == "run":
            points = uploader.client.get_metric_history(run.info.run_id, "train_loss")
            assert {point.step for point in points} == {*range(1, 13)}


def test_sigterm_closes_the_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    command: list[Any] = [sys.executable, "-m", "benchmarks", "run", "--study", "tiny", "--device", "cpu"]
    for text in ("dataset=digits", "method=ann", "architecture=30", "epochs=200"):
        command += ["--set", text]
    command += ["--tracking-uri", "off", "--runs", str(tmp_path / "runs")]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any(tmp_path.rglob("epoch-000003-*.pt")):
            time.sleep(0.01)
        process.terminate()
        _, error = process.communicate()
    assert process.returncode == 143
    said, _, typed = error.strip().splitlines()[-1].partition(" go on with: ")
    assert said == "tssl: stopped;"
    assert shlex.split(typed) == command
    (record,) = Runs(tmp_path / "runs").records("tiny")
    assert (record.status, record.reason) == ("interrupted", "stopped by SIGTERM")
    newest = max(tmp_path.rglob("*.pt"))
    # An epoch is in the checkpoint before it is in the record.
    behind = len(read_checkpoint(newest)["history"])
    assert behind >= 3
    assert behind - len(record.history) in (0, 1)
