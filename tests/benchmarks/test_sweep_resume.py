"""Sweeps that are interrupted, fail, or run twice at a time: what goes on, what is left alone, what is kept."""

import fcntl
import gc
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.checkpoints import RunCheckpoints, read_checkpoint
from benchmarks.cli import main
from benchmarks.config import Execution, validate_run
from benchmarks.environment import describe_environment
from benchmarks.epoch_steps import EpochSteps
from benchmarks.errors import CheckpointError, LockedError, TrackingError
from benchmarks.file_tracking import JsonRunTracker, JsonTracker
from benchmarks.interruption import Terminated
from benchmarks.locks import locked
from benchmarks.records import EpochRecord
from benchmarks.study import Study, cell_of
from benchmarks.sweep import run_study
from benchmarks.tracking import MlflowTracker, Store, open_tracker
from benchmarks.training import Training
from reports.load import combined, results_from_tracking
from tests.benchmarks.measured import MEASURED, computed


def study_of(*changes: dict[str, Any]) -> Study:
    base = {"dataset": "digits", "method": "ann", "architecture": "12d0.2", "epochs": 3, "train_samples": 64}
    cells = [cell_of(validate_run({**base, "test_samples": 50, **change})) for change in changes]
    return Study("tiny", "Tiny", "smoke", "tssl sweep tiny", tuple(cells))


ONE, TWO = study_of({}), study_of({}, {"seed": 1})

EPOCH = EpochRecord(epoch=1, train_loss=1.0, train_accuracy=0.5, test_accuracy=0.5, train_seconds=1.0, test_seconds=1.0)


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """With checkpoints."""
    return Execution(device="cpu", checkpoints=tmp_path / "checkpoints")


@pytest.fixture
def tracker(tmp_path: Path) -> JsonTracker:
    """The light one."""
    return JsonTracker(tmp_path / "runs")


def table(tracker: Store) -> list[dict[str, Any]]:
    """All that is logged of the study, but for what is measured."""
    runs, epochs = tracker.rows("tiny")
    tables = [{"run_key": key, **tables} for key, tables in tracker.tables("tiny")]
    return [computed(row) for row in (*runs, *epochs, *tracker.anytime_rows("tiny"), *tables)]


def checkpoint_files(execution: Execution) -> list[Path]:
    assert execution.checkpoints is not None
    return sorted(path for path in execution.checkpoints.rglob("*") if path.is_file())


def stop_in_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, error: BaseException) -> None:
    """Let the first run raise in the middle of an epoch, once."""
    train, errors = Training._train_epoch, [error]

    def stopped(self: Training, number: int, steps: EpochSteps) -> tuple[float, float | None]:
        if errors and number == epoch:
            raise errors.pop()
        return train(self, number, steps)

    monkeypatch.setattr(Training, "_train_epoch", stopped)


@pytest.mark.parametrize("kind", ["json", "mlflow"])
@pytest.mark.parametrize(("error", "cause"), [(KeyboardInterrupt(), "Ctrl-C"), (Terminated(), "SIGTERM")])
def test_a_stopped_run_goes_on_in_the_same_row_to_the_same_end(
    kind: str,
    error: BaseException,
    cause: str,
    store: str,
    execution: Execution,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker = MlflowTracker(store) if kind == "mlflow" else JsonTracker(tmp_path / "runs")
    whole = JsonTracker(tmp_path / "whole")
    run_study(ONE, Execution(device="cpu"), whole)
    stop_in_epoch(monkeypatch, 3, error)
    with pytest.raises(type(error)):
        run_study(ONE, execution, tracker)
    stopped = tracker.rows("tiny")
    assert [(row["status"], row["reason"]) for row in stopped[0]] == [("stopped", f"stopped by {cause}")]
    assert [row["epoch"] for row in stopped[1]] == [1, 2]
    assert [len(read_checkpoint(path)["history"]) for path in checkpoint_files(execution)] == [1, 2]

    assert run_study(ONE, execution, tracker) == {"finished": 1}
    assert [{key: str(value) for key, value in row.items()} for row in table(tracker)] == [
        {key: str(value) for key, value in row.items()} for row in table(whole)
    ]
    assert tracker.rows("tiny")[1][0]["train_seconds"] == stopped[1][0]["train_seconds"], "that epoch ran once"
    assert checkpoint_files(execution) == []


def test_a_run_killed_before_its_first_checkpoint_goes_on_in_the_same_row(
    tracker: JsonTracker, execution: Execution
) -> None:
    config = ONE.cells[0].config
    environment = describe_environment(execution, command="", data_source="", data_checksum="")
    tracker.start("tiny", config, environment)
    assert [row["status"] for row in tracker.rows("tiny")[0]] == ["running"]
    assert run_study(ONE, execution, tracker) == {"finished": 1}
    assert [row["status"] for row in tracker.rows("tiny")[0]] == ["finished"]


def test_epochs_that_the_store_lost_or_has_already_are_there_once(
    store: str, tracker: JsonTracker, execution: Execution
) -> None:
    environment = describe_environment(execution, command="", data_source="", data_checksum="")
    records = [replace(EPOCH, epoch=epoch) for epoch in (1, 2, 3)]
    for opened in (MlflowTracker(store), tracker):
        run = opened.start("tiny", ONE.cells[0].config, environment, done=())
        run.epoch(records[0])
        run = opened.start("tiny", ONE.cells[0].config, environment, done=records[:2])
        run.epoch(replace(records[1], train_loss=7.0))
        run.epoch(records[2])
        runs, epochs = opened.rows("tiny")
        assert len(runs) == 1
        assert [(row["epoch"], row["train_loss"]) for row in epochs] == [(1, 1.0), (2, 7.0), (3, 1.0)]


def test_epochs_after_the_checkpoint_are_forgotten_when_a_run_goes_on(
    tracker: JsonTracker, execution: Execution
) -> None:
    environment = describe_environment(execution, command="", data_source="", data_checksum="")
    records = [replace(EPOCH, epoch=epoch) for epoch in (1, 2, 3)]
    run = tracker.start("tiny", ONE.cells[0].config, environment)
    for record in records:
        run.epoch(record)
    for behind in (2, 0):
        tracker.start("tiny", ONE.cells[0].config, environment, done=records[:behind])
        assert len(tracker.rows("tiny")[1]) == behind


def test_a_failed_run_keeps_its_row_and_is_tried_again_from_its_checkpoint(
    tracker: JsonTracker, execution: Execution, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_in_epoch(monkeypatch, 3, RuntimeError("no luck"))
    assert run_study(ONE, execution, tracker) == {"failed": 1}
    assert run_study(ONE, execution, tracker) == {"finished": 1}
    assert "went on after epoch 2" in capsys.readouterr().out
    runs, epochs = tracker.rows("tiny")
    assert [row["status"] for row in runs] == ["failed", "finished"]
    assert [row["epoch"] for row in epochs] == [1, 2, 1, 2, 3]


def test_a_result_that_the_tracker_does_not_take_is_not_lost(
    tracker: JsonTracker, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, refusals = JsonRunTracker.finish, [TrackingError("no room")]

    def refusing(self: JsonRunTracker, record: Any) -> None:
        if refusals:
            raise refusals.pop()
        finish(self, record)

    monkeypatch.setattr(JsonRunTracker, "finish", refusing)
    with pytest.raises(TrackingError, match="no room"):
        run_study(ONE, execution, tracker)
    monkeypatch.setattr(Training, "_train_epoch", None)  # nothing is left to train
    assert run_study(ONE, execution, tracker) == {"finished": 1}
    assert [row["status"] for row in tracker.rows("tiny")[0]] == ["finished"]


def test_fresh_begins_at_the_start_and_opens_another_row(
    tracker: JsonTracker, execution: Execution, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_in_epoch(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_study(ONE, execution, tracker)
    assert run_study(ONE, execution, tracker, fresh=True) == {"finished": 1}
    assert "went on" not in capsys.readouterr().out
    assert [row["status"] for row in tracker.rows("tiny")[0]] == ["stopped", "finished"]
    assert checkpoint_files(execution) == []


def checkpoints_of(study: Study, execution: Execution) -> RunCheckpoints:
    assert execution.checkpoints is not None
    return RunCheckpoints.of(execution.checkpoints, "tiny", study.cells[0].config.run_key, {})


def test_a_run_in_progress_elsewhere_is_left_alone(
    tracker: JsonTracker, execution: Execution, capsys: pytest.CaptureFixture[str]
) -> None:
    program = """
import fcntl, os, sys
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print(f"process {os.getpid()}", end="", file=file, flush=True)
    print("locked", flush=True)
    sys.stdin.read()
"""
    folder = checkpoints_of(TWO, execution).folder
    folder.parent.mkdir(parents=True)
    command = [sys.executable, "-c", program, f"{folder}.lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        assert run_study(TWO, execution, tracker) == {"running": 1, "finished": 1}
        assert f"in progress in process {other.pid}\n" in capsys.readouterr().out
        assert [row["seed"] for row in tracker.rows("tiny")[0]] == [1]
        other.kill()
    assert Path(f"{folder}.lock").exists(), "what a killed process leaves behind"
    assert run_study(TWO, execution, tracker) == {"finished": 1}
    assert checkpoint_files(execution) == []


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.lock"
    with locked(path):
        for _ in range(2):
            with pytest.raises(LockedError, match=f"in progress in process {os.getpid()} on "), locked(path):
                pass
    assert not path.exists()


def test_a_lock_on_a_file_that_its_holder_removed_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock, first = tmp_path / "run.lock", fcntl.flock, [True]

    def late(descriptor: int, operation: int) -> None:
        if first and first.pop():
            path.unlink()  # as the holder does between this process's open and its lock
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(path):
        assert path.exists()
        with pytest.raises(LockedError), locked(path):
            pass


def test_what_another_sweep_finished_meanwhile_is_not_run_again(
    tracker: JsonTracker, execution: Execution, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_study(ONE, execution, tracker)
    monkeypatch.setattr(JsonTracker, "done_keys", lambda *_: set())  # asked before the other had finished
    assert run_study(TWO, execution, tracker) == {"finished": 1}
    assert "done by another process meanwhile" in capsys.readouterr().out


def test_what_a_run_that_was_killed_after_its_end_left_behind_is_cleared_away_unless_it_runs_again(
    tracker: JsonTracker, execution: Execution
) -> None:
    run_study(ONE, execution, tracker)
    checkpoints = checkpoints_of(ONE, execution)
    checkpoints.folder.mkdir()
    (checkpoints.folder / "epoch-000003-00000000.pt").touch()
    with checkpoints.lock():
        run_study(ONE, execution, tracker)
        assert len(checkpoint_files(execution)) == 2
    run_study(ONE, execution, tracker)
    assert checkpoint_files(execution) == []


def test_a_lack_of_memory_is_a_row_that_says_what_to_try_and_the_sweep_goes_on(
    tracker: JsonTracker, execution: Execution
) -> None:
    study = study_of({"architecture": "9000000000000"}, {})  # 2 PB of weights: more than an address can tell
    assert run_study(study, execution, tracker) == {"failed": 1, "finished": 1}
    reason = tracker.rows("tiny")[0][0]["reason"]
    assert reason.startswith("out of memory (RuntimeError: ")
    assert reason.endswith("); try a batch_size below 50, or a smaller network")


def test_memory_of_a_failed_run_is_free_for_the_next(tracker: JsonTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Large:
        def __init__(self) -> None:
            self.cycle = self

    held: list[weakref.ref[Large]] = []

    def failing(self: Training) -> Iterator[EpochRecord]:
        assert all(reference() is None for reference in held)
        large = Large()
        held.append(weakref.ref(large))
        if large.cycle is large:
            raise MemoryError
        yield from ()

    monkeypatch.setattr(Training, "epochs", failing)
    gc.disable()  # it would come by sooner or later
    try:
        assert run_study(TWO, Execution(device="cpu"), tracker) == {"failed": 2}
    finally:
        gc.enable()
    assert [row["reason"] for row in tracker.rows("tiny")[0]] == [
        "out of memory (MemoryError); try a batch_size below 50, or a smaller network"
    ] * 2


def test_a_folder_of_checkpoints_that_cannot_be_used_is_said_at_once(tracker: JsonTracker, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"cannot use the folder of checkpoints: .*--checkpoints"):
        run_study(ONE, Execution(device="cpu", checkpoints=tmp_path / "file"), tracker)


RUN = [part for text in ("dataset=digits", "method=ann", "architecture=12", "epochs=3") for part in ("--set", text)]


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_a_stop_is_an_exit_code_and_the_command_to_go_on(
    error: BaseException, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stop_in_epoch(monkeypatch, 2, error)
    command = ["run", *RUN, "--set", "train_samples=64", "--device", "cpu", "--tracking-uri", "json:runs of today"]
    assert main([*command, "--fresh"]) == code
    printed = capsys.readouterr().err.strip().splitlines()[-1]
    assert printed == "tssl: stopped; go on with: tssl " + " ".join(command[:-1]) + " 'json:runs of today'"
    assert main(command) == 0
    assert "went on after epoch 1" in capsys.readouterr().out
    assert list(Path("checkpoints/runs").iterdir()) == []


def test_nothing_is_kept_by_default_when_nothing_is_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["run", *RUN, "--set", "train_samples=64", "--device", "cpu"]
    assert main([*command, "--tracking-uri", "off"]) == 0
    assert main([*command, "--tracking-uri", "json:runs", "--checkpoints", "off"]) == 0
    assert not Path("checkpoints").exists()
    assert main([*command, "--tracking-uri", "off", "--checkpoints", "kept"]) == 0
    assert Path("kept/runs").is_dir()
    assert isinstance(open_tracker("json:runs"), JsonTracker)


def test_a_report_reads_json_files_like_mlflow(store: str, tmp_path: Path) -> None:
    study = study_of({"method": "stbp"}, {"seed": 1})
    for tracker in (MlflowTracker(store), JsonTracker(tmp_path / "runs")):
        run_study(study, Execution(device="cpu"), tracker)
    mlflow, files = (results_from_tracking(uri, "tiny") for uri in (store, f"json:{tmp_path / 'runs'}"))
    for name in ("runs", "epochs", "anytime"):
        one, other = getattr(mlflow, name), getattr(files, name)
        kept = [column for column in one.columns if column not in MEASURED]
        pd.testing.assert_frame_equal(one[kept], other[kept], check_dtype=False)
    contents = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("*.json")]
    assert sorted("layers" in content for content in contents) == [False, True], "one of the methods spikes"


def test_a_report_takes_the_runs_of_several_stores_together(store: str, tmp_path: Path) -> None:
    for tracker, seeds in ((MlflowTracker(store), (0, 1)), (JsonTracker(tmp_path / "runs"), (1, 2))):
        run_study(study_of(*({"seed": seed} for seed in seeds)), Execution(device="cpu"), tracker)
    elsewhere = f"json:{tmp_path / 'runs'}"
    alone = [results_from_tracking(uri, "tiny") for uri in (store, elsewhere)]
    both = combined(alone)
    assert both.finished["seed"].tolist() == [0, 1, 2]
    assert len(both.epochs) == len(alone[0].epochs) / 2 + len(alone[1].epochs)
    seconds = both.runs.set_index("seed")["training_seconds"]
    assert seconds[1] == alone[1].runs.set_index("seed")["training_seconds"][1], "the last store's run counts"


def test_a_file_that_is_no_run_is_named(tmp_path: Path) -> None:
    tracker = JsonTracker(tmp_path)
    with pytest.raises(TrackingError, match="no study 'tiny' in "):
        tracker.rows("tiny")
    (tmp_path / "tiny").mkdir()
    for text in ("{", "{}"):
        (tmp_path / "tiny" / "x-1.json").write_text(text)
        with pytest.raises(TrackingError, match=r"cannot use .*x-1\.json: .*is a file of this store"):
            tracker.done_keys("tiny")
    (tmp_path / "file").touch()
    with pytest.raises(TrackingError, match="cannot use "):
        JsonTracker(tmp_path / "file")


def test_the_environment_has_what_determinism_depends_on() -> None:
    environment = describe_environment(Execution(device="cpu"), command="", data_source="", data_checksum="")
    for switch in ("cudnn.deterministic=", "cudnn.benchmark=", "deterministic_algorithms="):
        assert switch in asdict(environment)["determinism"]
