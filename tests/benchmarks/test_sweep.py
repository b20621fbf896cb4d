"""Sweeps and tracking: what is logged, what is run again, and what a failure leaves behind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config import Execution, validate_run
from benchmarks.environment import commit
from benchmarks.errors import DatasetError, TrackingError
from benchmarks.metrics import CONVERGENCE_COLUMNS
from benchmarks.nested import flatten
from benchmarks.records import SEQUENCE_COLUMNS, EpochRecord
from benchmarks.study import Cell, Study, cell_of
from benchmarks.sweep import run_study
from benchmarks.tracking import RUN_COLUMNS, MlflowTracker, NoTracking, open_tracker
from benchmarks.training import Training

EXECUTION = Execution(device="cpu")


def study_of(*changes: dict[str, Any]) -> Study:
    base = {"dataset": "digits", "method": "tssl_bp", "architecture": "12", "epochs": 2, "train_samples": 64}
    cells = [cell_of(validate_run({**base, "test_samples": 50, **change})) for change in changes]
    return Study("tiny", "Tiny", "smoke", "tssl sweep tiny", tuple(cells))


TWO = study_of({"seed": 0}, {"seed": 1})


def statuses(tracker: MlflowTracker) -> list[str]:
    return [row["status"] for row in tracker.rows("tiny")[0]]


def test_a_study_is_logged_with_configuration_environment_epochs_and_outcome(store: str) -> None:
    tracker = MlflowTracker(store)
    assert run_study(TWO, EXECUTION, tracker) == {"finished": 2}
    runs, epochs = tracker.rows("tiny")
    assert [run["seed"] for run in runs] == ["0", "1"]
    for run, cell in zip(runs, TWO.cells, strict=True):
        assert list(run) == [*RUN_COLUMNS]
        assert {key for key in run if run[key] is None} == {
            "reason",
            "accuracy_chosen",
            "chosen_epoch",
            *CONVERGENCE_COLUMNS,
            *SEQUENCE_COLUMNS,
        }
        assert run["run_key"] == cell.config.run_key
        assert run["backend"] != "auto"
        assert run["commit"] == commit()
    assert [(row["run_key"], row["epoch"]) for row in epochs] == [(r["run_key"], e) for r in runs for e in (1, 2)]
    assert set(epochs[0]) == {"run_key", *EpochRecord.__annotations__} - {"held_out_accuracy", "measures", "rasters"}
    assert epochs[1]["test_accuracy"] == runs[0]["accuracy_last"]


def test_the_accuracy_after_each_step_is_logged_with_the_step(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.tracking.calls.ENTITIES_A_CALL", 2)
    tracker = MlflowTracker(store)
    run_study(study_of({"time_steps": 5}, {"method": "ann"}), EXECUTION, tracker)
    runs, rows = tracker.rows("tiny")[0], tracker.anytime_rows("tiny")
    assert [(row["run_key"], row["step"]) for row in rows] == [
        *((runs[0]["run_key"], step) for step in (1, 2, 3, 4, 5)),
        (runs[1]["run_key"], 1),
    ]
    assert [rows[4]["accuracy"], rows[5]["accuracy"]] == [run["accuracy_last"] for run in runs]


def test_what_is_measured_of_each_layer_is_logged_as_metrics_and_as_a_file(store: str) -> None:
    tracker = MlflowTracker(store)
    run_study(study_of({"architecture": "4C3-P2-6"}, {"method": "ann"}), EXECUTION, tracker)
    spiking, ann = tracker._runs("tiny")
    table = tracker.client.list_artifacts(spiking.info.run_id)
    assert "layers.json" in {file.path for file in table}
    content = json.loads(Path(tracker.client.download_artifacts(spiking.info.run_id, "layers.json")).read_text())
    assert [(layer["name"], layer["neurons"]) for layer in content["layers"]] == [
        ("layer1", 4 * 6 * 6),
        ("layer3", 6),
        ("output", 10),
    ]
    for layer in content["layers"]:
        assert sum(layer["spike_counts"]) == 50 * layer["neurons"]
        assert spiking.data.metrics[f"layers/{layer['name']}/silent_fraction"] == layer["silent_fraction"]
    assert sum(content["spike_histogram"]) == 50 * (4 * 6 * 6 + 6)
    assert not {"layers.json", "raster.json"} & {file.path for file in tracker.client.list_artifacts(ann.info.run_id)}
    assert not any(name.startswith("layers/") for name in ann.data.metrics)


def test_the_whole_configuration_is_logged_as_parameters_and_as_a_file(store: str) -> None:
    tracker = MlflowTracker(store)
    run_study(study_of({}), EXECUTION, tracker)
    (run,) = tracker._runs("tiny")
    config = TWO.cells[0].config.model_dump(mode="json")
    assert run.data.params == {key: str(value) for key, value in flatten(config)}
    assert run.data.params["parameters.lif.tau_s"] == "3.0"
    files = {file.path for file in tracker.client.list_artifacts(run.info.run_id)}
    assert files == {"config.json", "environment.json", "layers.json", "raster.json", "confusion.json"}
    assert run.info.status == "FINISHED"


def test_what_is_done_is_not_run_again_unless_asked(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = MlflowTracker(store)
    run_study(study_of({"seed": 0}), EXECUTION, tracker)
    assert run_study(TWO, EXECUTION, tracker) == {"finished": 1}
    assert "1 of 2 runs are already there" in capsys.readouterr().out
    assert run_study(TWO, EXECUTION, tracker) == {}
    assert run_study(TWO, EXECUTION, tracker, fresh=True) == {"finished": 2}


def fail_once(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the first epoch of the first run raise."""
    epochs, errors = Training.epochs, [error]

    def failing(self: Training) -> Iterator[EpochRecord]:
        for record in epochs(self):
            if errors:
                raise errors.pop()
            yield record

    monkeypatch.setattr(Training, "epochs", failing)


def test_a_run_that_fails_is_a_row_with_a_reason_and_is_tried_again(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = MlflowTracker(store)
    fail_once(monkeypatch, RuntimeError("no luck\nwith details"))
    assert run_study(TWO, EXECUTION, tracker) == {"failed": 1, "finished": 1}
    assert "failed: RuntimeError: no luck" in capsys.readouterr().out
    assert statuses(tracker) == ["failed", "finished"]
    failed = tracker.rows("tiny")[0][0]
    assert failed["reason"] == "RuntimeError: no luck"
    assert failed["accuracy_last"] is None
    run = tracker._runs("tiny")[0]
    assert run.info.status == "FAILED"
    assert "error.txt" in {file.path for file in tracker.client.list_artifacts(run.info.run_id)}
    assert run_study(TWO, EXECUTION, tracker) == {"finished": 1}


def test_a_run_that_diverges_is_a_row_and_is_not_tried_again(store: str) -> None:
    tracker = MlflowTracker(store)
    study = study_of({"method": "ann", "optimizer": {"learning_rate": 1e30, "grad_clip": 0.0}})
    assert run_study(study, EXECUTION, tracker) == {"diverged": 1}
    assert "DivergedError: loss is" in tracker.rows("tiny")[0][0]["reason"]
    assert run_study(study, EXECUTION, tracker) == {}


def test_an_interrupted_run_is_not_left_as_running_or_finished(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = MlflowTracker(store)
    fail_once(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_study(TWO, EXECUTION, tracker)
    assert statuses(tracker) == ["stopped"]
    assert tracker._runs("tiny")[0].info.status == "KILLED"
    assert run_study(TWO, EXECUTION, tracker) == {"finished": 2}


def test_what_a_method_does_not_support_is_a_row_with_the_reason(store: str) -> None:
    tracker = MlflowTracker(store)
    cell = Cell(TWO.cells[0].config, "no spikes here")
    assert run_study(Study("tiny", "Tiny", "smoke", "tssl sweep tiny", (cell,)), EXECUTION, tracker) == {"skipped": 1}
    assert [(row["status"], row["reason"]) for row in tracker.rows("tiny")[0]] == [("skipped", "no spikes here")]


def test_missing_data_are_said_before_the_first_run_is_opened(store: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tracker = MlflowTracker(store)
    execution = Execution(device="cpu", data_root=str(tmp_path / "file"))
    with pytest.raises(DatasetError):
        run_study(study_of({"seed": 0}, {"dataset": "mnist"}), execution, tracker)
    assert tracker._runs("tiny") == []


def test_training_works_without_tracking() -> None:
    assert isinstance(open_tracker("off"), NoTracking)
    assert run_study(TWO, EXECUTION, open_tracker("off")) == {"finished": 2}


@pytest.mark.parametrize("uri", ["sqlite:////proc/x.db", "sqlite:////proc/none/x.db", "gopher://127.0.0.1"])
def test_a_store_that_cannot_be_used_is_named(uri: str) -> None:
    with pytest.raises(TrackingError, match=rf"cannot use the tracking store '{uri}'.*--tracking-uri"):
        MlflowTracker(uri)


def test_a_store_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database " * 100)
    with pytest.raises(TrackingError, match="file is not a database"):
        MlflowTracker(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_a_study_that_is_not_there_is_refused_with_those_that_are(store: str) -> None:
    with pytest.raises(TrackingError, match=r"no study 'tiny' in .*it has: Default"):
        MlflowTracker(store).rows("tiny")
