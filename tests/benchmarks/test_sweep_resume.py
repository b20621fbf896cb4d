"""Sweeps that are interrupted, fail, or run twice at a time: what goes on, what is left alone, what is kept."""

import ast
import gc
import re
import weakref
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from benchmarks.cli.main import main
from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.errors import CheckpointError, TrackingError
from benchmarks.platform.interruption import Terminated
from benchmarks.results import EpochResult
from benchmarks.study.study import Study, cell_of
from benchmarks.sweep.plan import PlannedRun, plan_of
from benchmarks.sweep.site import Site
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Mirror, OpenRecord, Runs, records_in_mlflow
from benchmarks.tracking.environment import computing_files, describe_environment
from benchmarks.training.checkpoints import RunCheckpoints, read_checkpoint
from benchmarks.training.epoch_steps import EpochSteps
from benchmarks.training.training import Training
from reports.combining import combined
from reports.load import results_from_runs
from reports.selection import results_at
from tests.benchmarks.numbers import numbers_of
from tests.benchmarks.tracked import mlflow_runs

ROOT = Path(__file__).parents[2]


def study_of(*changes: dict[str, Any]) -> Study:
    base = {"dataset": "digits", "method": "ann", "architecture": "12d0.2", "epochs": 3, "train_samples": 64}
    cells = [cell_of(validate_run({**base, "test_samples": 50, **change})) for change in changes]
    return Study("tiny", "Tiny", "smoke", "tssl sweep tiny", tuple(cells))


ONE, TWO = study_of({}), study_of({}, {"seed": 1})


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def execution(runs: Runs) -> Execution:
    """With checkpoints beside the records."""
    return Execution(device="cpu", checkpoints=runs.root)


def checkpoint_files(execution: Execution) -> list[Path]:
    assert execution.checkpoints is not None
    return sorted(execution.checkpoints.rglob("epoch-*"))


def stop_in_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, error: BaseException) -> None:
    """Let the first run raise in the middle of an epoch, once."""
    train, errors = Training._train_epoch, [error]

    def stopped(self: Training, number: int, steps: EpochSteps) -> tuple[float, float | None]:
        if errors and number == epoch:
            raise errors.pop()
        return train(self, number, steps)

    monkeypatch.setattr(Training, "_train_epoch", stopped)


@pytest.mark.parametrize(("error", "cause"), [(KeyboardInterrupt(), "Ctrl-C"), (Terminated(), "SIGTERM")])
def test_a_stopped_run_goes_on_in_the_same_record_to_the_same_end(
    error: BaseException,
    cause: str,
    store: str,
    runs: Runs,
    execution: Execution,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Runs(tmp_path / "whole")
    run_study(ONE, Execution(device="cpu"), whole)
    stop_in_epoch(monkeypatch, 3, error)
    with pytest.raises(type(error)):
        run_study(ONE, execution, runs, mirror=Mirror(store))
    (stopped,) = runs.records("tiny")
    assert (stopped.status, stopped.reason) == ("interrupted", f"stopped by {cause}")
    assert [epoch.epoch for epoch in stopped.history] == [1, 2]
    assert [len(read_checkpoint(path)["history"]) for path in checkpoint_files(execution)] == [1, 2]
    assert [run.info.status for run in mlflow_runs(Mirror(store))] == ["KILLED"]

    assert run_study(ONE, execution, runs, mirror=Mirror(store)) == {"finished": 1}
    (finished,) = runs.records("tiny")
    assert finished.record_id == stopped.record_id
    assert numbers_of([finished]) == numbers_of(whole.records("tiny"))
    assert finished.history[:2] == stopped.history, "these epochs ran once"
    assert checkpoint_files(execution) == []
    (mirrored,) = mlflow_runs(Mirror(store))
    assert (mirrored.info.status, mirrored.data.tags["reason"]) == ("FINISHED", "")
    assert records_in_mlflow(store, "tiny") == [finished]


def test_a_failed_run_is_tried_again_from_its_checkpoint_and_stays_in_mlflow(
    store: str,
    runs: Runs,
    execution: Execution,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop_in_epoch(monkeypatch, 3, RuntimeError("no luck"))
    assert run_study(ONE, execution, runs, mirror=Mirror(store)) == {"failed": 1}
    assert run_study(ONE, execution, runs, mirror=Mirror(store)) == {"finished": 1}
    assert "went on after epoch 2" in capsys.readouterr().out
    assert [epoch.epoch for epoch in runs.records("tiny")[0].history] == [1, 2, 3]
    assert [record.status for record in records_in_mlflow(store, "tiny")] == ["failed", "finished"]


def test_a_result_that_cannot_be_written_is_not_lost(
    runs: Runs, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, refusals = OpenRecord.finish, [TrackingError("no room")]

    def refusing(self: OpenRecord, result: Any) -> None:
        if refusals:
            raise refusals.pop()
        finish(self, result)

    monkeypatch.setattr(OpenRecord, "finish", refusing)
    with pytest.raises(TrackingError, match="no room"):
        run_study(ONE, execution, runs)
    monkeypatch.setattr(Training, "_train_epoch", None)  # nothing is left to train
    assert run_study(ONE, execution, runs) == {"finished": 1}


def test_fresh_begins_at_the_start_in_another_record(
    runs: Runs, execution: Execution, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_in_epoch(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_study(ONE, execution, runs)
    (stopped,) = runs.records("tiny")
    assert run_study(ONE, execution, runs, fresh=True) == {"finished": 1}
    assert "went on" not in capsys.readouterr().out
    assert [record.record_id == stopped.record_id for record in runs.records("tiny")] == [False]
    assert checkpoint_files(execution) == []


def test_a_sweep_with_runs_of_its_own_leaves_the_checkpoints_of_another_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stop_in_epoch(monkeypatch, 2, KeyboardInterrupt())
    command = ["run", *RUN, "--set", "train_samples=64", "--device", "cpu", "--tracking-uri", "off", "--runs"]
    assert main([*command, "one"]) == 130
    kept = sorted(tmp_path.rglob("epoch-*"))
    for _ in range(2):  # the second time clears away what is left of runs that are done
        assert main([*command, "another"]) == 0
    assert len(kept) == 1
    assert sorted(tmp_path.rglob("epoch-*")) == kept


def test_checkpoints_in_a_folder_of_their_own_take_it_with_them_and_those_beside_a_record_leave_that(
    runs: Runs, execution: Execution, tmp_path: Path
) -> None:
    key = ONE.cells[0].config.run_key
    run_study(ONE, replace(execution, checkpoints=tmp_path / "elsewhere"), runs)
    assert list((tmp_path / "elsewhere" / "tiny").iterdir()) == []
    run_study(ONE, execution, runs, fresh=True)
    assert [path.name for path in runs.folder("tiny", key).iterdir()] == ["run.json"]


def site_of(execution: Execution, runs: Runs) -> Site:
    return Site("tiny", "", execution, runs)


def test_the_plan_and_the_run_say_the_same_of_where_it_would_go_on(
    runs: Runs, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace(execution, threads=torch.get_num_threads())

    def line(where: Execution = here) -> str:
        return plan_of(ONE, site_of(where, runs))[0].line().partition(" epochs  ")[2]

    assert line() == "new"
    stop_in_epoch(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_study(ONE, here, runs)
    assert line() == "unfinished, 2 of 3 epochs (interrupted before: stopped by Ctrl-C)"
    threads = f"threads was {here.threads} and is {here.threads + 1}" if here.threads else ""
    elsewhere = replace(here, threads=(here.threads or 0) + 1)
    assert re.fullmatch(rf"new \(checkpoint .* is not used: {threads}\)", line(elsewhere))
    remote = replace(here, elsewhere=True)
    assert line(remote) == "unfinished, 2 of 3 epochs (if its checkpoint fits the data and the machine)"
    with pytest.warns(UserWarning, match=rf"is not used: {threads}; the run starts anew"):
        assert run_study(ONE, elsewhere, runs) == {"finished": 1}
    torch.set_num_threads(here.threads or 1)
    assert line() == "done"
    assert checkpoint_files(execution) == []


def test_a_checkpoint_depends_on_what_computes_and_on_nothing_else() -> None:
    """All that a training imports is in it, but for what reads files or says what went wrong."""
    apart = {"defaults", "errors", "atomic", "locks", "memory"}
    found, todo = set(), {"benchmarks.training.training"}
    while todo:
        name = todo.pop()
        path = ROOT.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in found or not file.is_file():
            continue
        found.add(name)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                todo |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {str(path.relative_to(ROOT)) for path in computing_files(ROOT)}
    imported = {name for name in found if name.startswith("benchmarks.")}
    assert "benchmarks.datasets.dataset" in imported
    assert {
        name.removeprefix("benchmarks.")
        for name in imported
        if not {f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py"} & files
    } <= apart
    for outside in ("cli", "site", "sweep", "plan", "tracking/record", "executors/processes"):
        assert f"benchmarks/{outside}.py" not in files


def checkpoints_of(study: Study, execution: Execution) -> RunCheckpoints:
    assert execution.checkpoints is not None
    return RunCheckpoints.of(execution.checkpoints, "tiny", study.cells[0].config.run_key, {})


def test_a_run_in_progress_elsewhere_is_left_alone(
    runs: Runs, execution: Execution, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ONE.cells[0].config.run_key
    with runs.lock("tiny", key):
        assert run_study(TWO, execution, runs) == {"running": 1, "finished": 1}
        assert "in progress in process " in capsys.readouterr().out
    assert [record.config["seed"] for record in runs.records("tiny")] == [1]
    assert run_study(TWO, execution, runs) == {"finished": 1}
    assert checkpoint_files(execution) == []


def test_what_another_sweep_finished_meanwhile_is_not_run_again(
    runs: Runs, execution: Execution, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def late(study: Study, site: Site, *, limit: int | None) -> list[PlannedRun]:
        plan = plan_of(study, site, limit=limit)
        monkeypatch.undo()
        run_study(ONE, execution, runs)  # as another sweep may after this one has planned
        return plan

    monkeypatch.setattr("benchmarks.sweep.sweep.plan_of", late)
    assert run_study(TWO, execution, runs) == {"finished": 1}
    assert "done by another process meanwhile" in capsys.readouterr().out


def test_what_a_run_that_was_killed_after_its_end_left_behind_is_cleared_away_unless_it_runs_again(
    runs: Runs, execution: Execution
) -> None:
    run_study(ONE, execution, runs)
    checkpoints = checkpoints_of(ONE, execution)
    (checkpoints.folder / "epoch-000003-00000000.pt").touch()
    with runs.lock("tiny", ONE.cells[0].config.run_key):
        run_study(ONE, execution, runs)
        assert len(checkpoint_files(execution)) == 1
    run_study(ONE, execution, runs)
    assert checkpoint_files(execution) == []


def test_a_lack_of_memory_is_a_row_that_says_what_to_try_and_the_sweep_goes_on(
    runs: Runs, execution: Execution
) -> None:
    study = study_of({"architecture": "9000000000000"}, {})  # 2 PB of weights: more than an address can tell
    assert run_study(study, execution, runs) == {"failed": 1, "finished": 1}
    reason = runs.records("tiny")[0].reason
    assert reason.startswith("out of memory (RuntimeError: ")
    assert reason.endswith("); try a batch_size below 50, or a smaller network")


def test_memory_of_a_failed_run_is_free_for_the_next(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    class Large:
        def __init__(self) -> None:
            self.cycle = self

    held: list[weakref.ref[Large]] = []

    def failing(self: Training) -> Iterator[EpochResult]:
        assert all(reference() is None for reference in held)
        large = Large()
        held.append(weakref.ref(large))
        if large.cycle is large:
            raise MemoryError
        yield from ()

    monkeypatch.setattr(Training, "epochs", failing)
    gc.disable()  # it would come by sooner or later
    try:
        assert run_study(TWO, Execution(device="cpu"), runs) == {"failed": 2}
    finally:
        gc.enable()
    assert [record.reason for record in runs.records("tiny")] == [
        "out of memory (MemoryError); try a batch_size below 50, or a smaller network"
    ] * 2


def test_a_folder_of_checkpoints_that_cannot_be_used_is_said_at_once(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"cannot use the folder of checkpoints: .*--checkpoints"):
        run_study(ONE, Execution(device="cpu", checkpoints=tmp_path / "file"), runs)


RUN = [part for text in ("dataset=digits", "method=ann", "architecture=12", "epochs=3") for part in ("--set", text)]


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_a_stop_is_an_exit_code_and_the_command_to_go_on(
    error: BaseException, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stop_in_epoch(monkeypatch, 2, error)
    command = ["run", *RUN, "--set", "train_samples=64", "--device", "cpu", "--tracking-uri", "off", "--runs"]
    command += ["runs of today"]
    assert main([*command, "--fresh"]) == code
    printed = capsys.readouterr().err.strip().splitlines()[-1]
    assert printed == "tssl: stopped; go on with: tssl " + " ".join(command[:-1]) + " 'runs of today'"
    assert main(command) == 0
    assert "went on after epoch 1" in capsys.readouterr().out
    assert not any(Path("runs of today").rglob("epoch-*"))


def test_checkpoints_can_be_turned_off_and_records_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["run", *RUN, "--set", "train_samples=64", "--device", "cpu", "--tracking-uri", "off"]
    assert main([*command, "--checkpoints", "off"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert main([*command, "--checkpoints", "kept", "--fresh"]) == 0
    assert Path("kept/runs").is_dir()


def test_a_report_takes_the_runs_of_several_places_together(store: str, tmp_path: Path) -> None:
    folders = [tmp_path / "here", tmp_path / "there"]
    for folder, seeds in zip(folders, ((0, 1), (1, 2)), strict=True):
        run_study(study_of(*({"seed": seed} for seed in seeds)), Execution(device="cpu"), Runs(folder))
    Mirror(store).sync(Runs(folders[1]), "tiny")
    alone = [results_from_runs(folders[0], "tiny"), results_at(store, "tiny")]
    both = combined(alone)
    assert both.finished["seed"].tolist() == [0, 1, 2]
    assert len(both.epochs) == len(alone[0].epochs) / 2 + len(alone[1].epochs)
    seconds = both.runs.set_index("seed")["training_seconds"]
    assert seconds[1] == alone[1].runs.set_index("seed")["training_seconds"][1], "the run of the last place counts"
    pd.testing.assert_frame_equal(alone[1].runs, results_at(str(folders[1]), "tiny").runs)


def test_the_environment_has_what_determinism_depends_on() -> None:
    environment = describe_environment(Execution(device="cpu"), command="", data_source="", data_checksum="")
    for switch in ("cudnn.deterministic=", "cudnn.benchmark=", "deterministic_algorithms="):
        assert switch in asdict(environment)["determinism"]
