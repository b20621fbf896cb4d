"""What MLflow shows of a study: cells with their seeds, datasets, reports, and runs that go on."""

import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.tracking import MlflowTracker, open_tracker
from tests.benchmarks.tracked import ENVIRONMENT, STUDY, config_of, epoch, impatient, log_run, outcome


def runs_of(tracker: MlflowTracker, kind: str) -> list[Any]:
    experiment = tracker.sender.find_experiment(STUDY)
    assert experiment is not None
    return tracker.sender.search(experiment, f"tags.kind = '{kind}'")


def test_the_seeds_of_a_cell_are_nested_under_one_run_with_their_mean_and_deviation(store: str) -> None:
    tracker = MlflowTracker(store)
    for seed, accuracy in enumerate((0.4, 0.6, 0.8)):
        log_run(tracker, config_of(seed=seed), accuracy)
    log_run(tracker, config_of(time_steps=2), 0.3)
    cells, seeds = runs_of(tracker, "cell"), runs_of(tracker, "run")
    assert [run.data.tags["mlflow.parentRunId"] for run in seeds] == [
        *[cells[0].info.run_id] * 3,
        cells[1].info.run_id,
    ]
    five, two = (cell.data.metrics for cell in cells)
    assert five["seeds_finished"] == 3
    assert math.isclose(five["accuracy_last_mean"], 0.6)
    assert math.isclose(five["accuracy_last_std"], 0.2)
    assert math.isclose(five["silent_fraction_mean"], 0.7)
    assert two["accuracy_last_mean"] == 0.3
    assert "accuracy_last_std" not in two
    assert "seed" not in cells[0].data.params
    assert cells[0].data.params["parameters.lif.tau_s"] == "3.0"
    assert [cell.info.run_name for cell in cells] == [
        "tssl_bp T=5 60.0±20.0% n=3, digits 12",
        "tssl_bp T=2 30.0% n=1, digits 12",
    ]
    assert (cells[0].data.tags["status"], cells[0].info.status) == ("3 finished", "FINISHED")


def test_another_process_finds_the_run_of_a_cell_again(store: str) -> None:
    log_run(MlflowTracker(store), config_of(seed=0), 0.4)
    log_run(MlflowTracker(store), config_of(seed=1), 0.6)
    (cell,) = runs_of(MlflowTracker(store), "cell")
    assert math.isclose(cell.data.metrics["accuracy_last_mean"], 0.5)


def test_a_run_that_was_repeated_counts_once_in_its_cell(store: str) -> None:
    tracker = MlflowTracker(store)
    log_run(tracker, config_of(), 0.4)
    log_run(tracker, config_of(), 0.6)
    tracker.start(STUDY, config_of(), ENVIRONMENT).close("failed", "out of memory")
    (cell,) = runs_of(tracker, "cell")
    assert (cell.data.metrics["seeds_finished"], cell.data.metrics["accuracy_last_mean"]) == (1, 0.6)


def test_a_cell_says_how_its_runs_stand(store: str) -> None:
    tracker = MlflowTracker(store)
    tracker.start(STUDY, config_of(seed=0), ENVIRONMENT).close("diverged", "loss is nan")
    assert [(cell.data.tags["status"], cell.info.status) for cell in runs_of(tracker, "cell")] == [
        ("1 diverged", "FAILED")
    ]
    open_one = tracker.start(STUDY, config_of(seed=1), ENVIRONMENT)
    log_run(tracker, config_of(seed=2))
    assert [(cell.data.tags["status"], cell.info.status) for cell in runs_of(tracker, "cell")] == [
        ("1 diverged, 1 finished, 1 running", "RUNNING")
    ]
    open_one.close("stopped", "stopped by KeyboardInterrupt")
    assert [cell.info.status for cell in runs_of(tracker, "cell")] == ["FINISHED"]


def test_cells_and_reports_are_no_rows(store: str, tmp_path: Path) -> None:
    tracker = MlflowTracker(store)
    log_run(tracker, config_of())
    (tmp_path / "folder").mkdir()
    tracker.log_report(STUDY, tmp_path / "folder")
    assert len(tracker.rows(STUDY)[0]) == 1
    assert tracker.done_keys(STUDY) == {config_of().run_key}
    assert tracker.is_done(STUDY, config_of().run_key)
    assert not tracker.is_done(STUDY, config_of(seed=1).run_key)


def test_a_run_names_its_datasets_and_describes_itself(store: str) -> None:
    tracker = MlflowTracker(store)
    log_run(tracker, config_of(), 0.75)
    (run,) = runs_of(tracker, "run")
    inputs = [(part.dataset.name, part.dataset.digest, part.tags[0].value) for part in run.inputs.dataset_inputs]
    assert inputs == [("digits-train", "0123456789", "train"), ("digits-test", "0123456789", "test")]
    assert run.inputs.dataset_inputs[0].dataset.source_type == "code"
    assert '"shape": [-1, 1, 8, 8]' in run.inputs.dataset_inputs[0].dataset.schema
    assert run.info.run_name == "tssl_bp T=5 seed=0 75.0%"
    assert run.data.tags["mlflow.note.content"].startswith("**TSSL-BP** T=5 on Digits 8x8, network 12, 3 epochs")
    assert "75.00%" in run.data.tags["mlflow.note.content"]
    assert 0 < run.data.metrics["tracking_seconds"] < 20


def test_a_report_is_kept_once_with_its_figures(store: str, tmp_path: Path) -> None:
    tracker = MlflowTracker(store)
    log_run(tracker, config_of())
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "figure.png").write_bytes(b"picture")
    for text in ("# Old", "# Title\n\nTable\n\n## Figures\n\n![figure](figure.png)\n"):
        (folder / "report.md").write_text(text)
        tracker.log_report(STUDY, folder)
    (run,) = runs_of(tracker, "report")
    assert {file.path for file in tracker.client.list_artifacts(run.info.run_id)} == {"figure.png", "report.md"}
    experiment = tracker.client.get_experiment_by_name(STUDY)
    assert experiment is not None
    assert experiment.tags["mlflow.note.content"] == "# Title\n\nTable"


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_an_unfinished_run_goes_on_with_the_epochs_that_it_lacks(store: str, status: str) -> None:
    tracker = MlflowTracker(store)
    run = tracker.start(STUDY, config_of(), ENVIRONMENT)
    run.epoch(epoch(1, 0.1))
    if status == "stopped":
        run.close("stopped", "stopped by SIGTERM")
    del run  # as if its process had ended
    again = MlflowTracker(store).start(STUDY, config_of(), ENVIRONMENT, done=[epoch(1, 0.1), epoch(2, 0.2)])
    (row,), epochs = tracker.rows(STUDY)
    assert (row["status"], row["reason"]) == ("running", None)
    assert [row["test_accuracy"] for row in epochs] == [0.1, 0.2]
    (opened,) = runs_of(tracker, "run")
    assert opened.info.status == "RUNNING"
    assert len(tracker.client.get_metric_history(opened.info.run_id, "train_loss")) == 2
    again.epoch(epoch(2, 0.25))
    again.finish(outcome())
    (row,), epochs = tracker.rows(STUDY)
    assert row["status"] == "finished"
    assert [row["test_accuracy"] for row in epochs] == [0.1, 0.25], "the later one counts"


def test_a_failed_run_stays_and_the_next_try_has_all_epochs(store: str) -> None:
    tracker = MlflowTracker(store)
    tracker.start(STUDY, config_of(), ENVIRONMENT).close("failed", "out of memory")
    tracker.start(STUDY, config_of(), ENVIRONMENT, done=[epoch(1)]).finish(outcome())
    runs, epochs = tracker.rows(STUDY)
    assert [row["status"] for row in runs] == ["failed", "finished"]
    assert [row["epoch"] for row in epochs] == [1]


def test_a_new_run_leaves_an_unfinished_one_alone(store: str) -> None:
    tracker = MlflowTracker(store)
    tracker.start(STUDY, config_of(), ENVIRONMENT)
    log_run(tracker, config_of())
    assert [row["status"] for row in tracker.rows(STUDY)[0]] == ["running", "finished"]


def test_the_use_of_the_machine_is_logged_with_the_epoch(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sampler:
        def sample(self) -> dict[str, float]:
            return {"system/cpu_utilization_percentage": 50.0}

    monkeypatch.setattr("benchmarks.tracking.store.SystemSampler.if_possible", Sampler)
    for on in (True, False):
        log_run(impatient(store, system_metrics=on), config_of(seed=int(on)), epochs=2)
    with_metrics, without = runs_of(impatient(store), "run")
    history = impatient(store).client.get_metric_history(with_metrics.info.run_id, "system/cpu_utilization_percentage")
    assert [(point.step, point.value) for point in history] == [(1, 50.0), (2, 50.0)]
    assert not any(name.startswith("system/") for name in without.data.metrics)


def test_without_psutil_the_use_of_the_machine_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.tracking.system import SystemSampler

    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert SystemSampler.if_possible() is None


def test_mlflows_own_samplers_are_asked_at_most_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil", reason="needs psutil")
    from benchmarks.tracking.system import SystemSampler

    sampler = SystemSampler.if_possible()
    assert sampler is not None
    assert "system/system_memory_usage_megabytes" in sampler.sample()
    assert sampler.sample() == {}


def test_no_tracking_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("not to be used"))
    tracker = open_tracker("off")
    log_run(tracker, config_of())  # type: ignore[arg-type]
    tracker.log_report(STUDY, tmp_path)
    assert not tracker.is_done(STUDY, config_of().run_key)
    assert list(tmp_path.iterdir()) == []
