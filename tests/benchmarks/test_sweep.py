"""Sweeps and records: what is kept, what is run again, and what a failure leaves behind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.errors import DatasetError, TrackingError
from benchmarks.metrics.convergence import Convergence
from benchmarks.metrics.spike_trains import SpikeTrains
from benchmarks.results import EpochResult
from benchmarks.study.study import Cell, Study, cell_of
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import RUN_COLUMNS, Runs, anytime_rows, epoch_rows, run_row
from benchmarks.tracking.environment import commit
from benchmarks.training.training import Training
from tests.kernels import skip_without
from tssl_core.kernels import SPIKING_PSC

EXECUTION = Execution(device="cpu")


def study_of(*changes: dict[str, Any]) -> Study:
    base = {"dataset": "digits", "method": "tssl_bp", "architecture": "12", "epochs": 2, "train_samples": 64}
    cells = [cell_of(validate_run({**base, "test_samples": 50, **change})) for change in changes]
    return Study("tiny", "Tiny", "smoke", "tssl sweep tiny", tuple(cells))


TWO = study_of({"seed": 0}, {"seed": 1})


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def test_a_study_is_kept_with_configuration_environment_epochs_and_outcome(runs: Runs) -> None:
    assert run_study(TWO, EXECUTION, runs) == {"finished": 2}
    records = runs.records("tiny")
    assert [record.run_config() for record in records] == [cell.config for cell in TWO.cells]
    for record in records:
        row, epochs = run_row(record), epoch_rows(record)
        assert list(row) == [*RUN_COLUMNS]
        missing = {"reason", "accuracy_chosen", "chosen_epoch"}
        missing |= {column.name for column in (*Convergence.columns, *SpikeTrains.columns)}
        assert {key for key in row if row[key] is None} == missing
        assert (row["run_key"], row["commit"]) == (record.run_config().run_key, commit())
        assert record.execution["device"] == "cpu"
        assert record.execution["backend"] != "auto"
        assert [epoch["epoch"] for epoch in epochs] == [1, 2]
        measured = {*EpochResult.__annotations__} - {"held_out_accuracy", "measures", "rasters"}
        assert set(epochs[0]) == {"run_key", "test_silent_output_fraction"} | measured
        assert epochs[1]["test_accuracy"] == row["accuracy_last"] == anytime_rows(record)[-1]["accuracy"]
    contents = [json.loads(path.read_text()) for path in runs.files("tiny")]
    assert {content["format"] for content in contents} == {1}


@pytest.mark.parametrize(("method", "backend"), [("tssl_bp", "cpu"), ("eventprop", "reference"), ("ann", "none")])
def test_the_backend_that_is_kept_is_the_one_that_ran_the_neurons(runs: Runs, method: str, backend: str) -> None:
    skip_without(SPIKING_PSC, "cpu")
    run_study(study_of({"method": method, "parameters": {}}), EXECUTION, runs)
    (record,) = runs.records("tiny")
    assert record.execution["backend"] == backend


def test_runs_of_other_code_are_told(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_study(TWO, EXECUTION, runs)
    run_study(TWO, EXECUTION, runs)
    assert "2 of 2 runs are already there; --fresh" in capsys.readouterr().out
    monkeypatch.setattr("benchmarks.sweep.standing.code_checksum", lambda: "other")
    run_study(TWO, EXECUTION, runs)
    assert "2 of 2 runs are already there, 2 of them made by other code than this; --fresh" in capsys.readouterr().out


def test_what_is_done_is_not_run_again_unless_asked(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    run_study(study_of({"seed": 0}), EXECUTION, runs)
    (before,) = runs.records("tiny")
    assert run_study(TWO, EXECUTION, runs) == {"finished": 1}
    assert "1 of 2 runs are already there" in capsys.readouterr().out
    assert run_study(TWO, EXECUTION, runs) == {}
    assert runs.find("tiny", before.run_key) == before
    assert run_study(TWO, EXECUTION, runs, fresh=True) == {"finished": 2}
    assert before.record_id not in {record.record_id for record in runs.records("tiny")}


def fail_once(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the first epoch of the first run raise."""
    epochs, errors = Training.epochs, [error]

    def failing(self: Training) -> Iterator[EpochResult]:
        for record in epochs(self):
            if errors:
                raise errors.pop()
            yield record

    monkeypatch.setattr(Training, "epochs", failing)


def test_a_run_that_fails_has_a_reason_and_is_tried_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_once(monkeypatch, RuntimeError("no luck\nwith details"))
    assert run_study(TWO, EXECUTION, runs) == {"failed": 1, "finished": 1}
    assert "failed: RuntimeError: no luck" in capsys.readouterr().out
    failed, finished = runs.records("tiny")
    assert (failed.status, failed.reason, finished.status) == ("failed", "RuntimeError: no luck", "finished")
    assert "Traceback" in failed.details
    assert run_row(failed)["accuracy_last"] is None
    assert run_study(TWO, EXECUTION, runs) == {"finished": 1}


def test_a_run_that_diverges_has_a_reason_and_is_not_tried_again(runs: Runs) -> None:
    study = study_of({"method": "ann", "optimizer": {"learning_rate": 1e30, "grad_clip": 0.0}})
    assert run_study(study, EXECUTION, runs) == {"diverged": 1}
    assert "DivergedError: loss is" in runs.records("tiny")[0].reason
    assert run_study(study, EXECUTION, runs) == {}


def test_a_stopped_run_is_not_left_as_running_or_finished(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_once(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_study(TWO, EXECUTION, runs)
    assert [(record.status, record.reason) for record in runs.records("tiny")] == [("interrupted", "stopped by Ctrl-C")]
    assert run_study(TWO, EXECUTION, runs) == {"finished": 2}


def test_what_a_method_does_not_support_is_kept_with_the_reason(runs: Runs) -> None:
    cell = Cell(TWO.cells[0].config, "no spikes here")
    study = Study("tiny", "Tiny", "smoke", "tssl sweep tiny", (cell,))
    assert run_study(study, EXECUTION, runs) == {"skipped": 1}
    assert [(record.status, record.reason) for record in runs.records("tiny")] == [("skipped", "no spikes here")]
    assert run_study(study, EXECUTION, runs) == {}


def test_missing_data_are_said_before_the_first_run_begins(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    execution = Execution(device="cpu", data_root=str(tmp_path / "file"))
    with pytest.raises(DatasetError):
        run_study(study_of({"seed": 0}, {"dataset": "mnist"}), execution, runs)
    assert runs.records("tiny") == []


def test_a_folder_of_runs_that_cannot_be_used_is_said_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrackingError, match=r"cannot use .*file: .*--runs"):
        run_study(TWO, EXECUTION, Runs(tmp_path / "file"))
