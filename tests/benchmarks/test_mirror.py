"""What MLflow shows of the records: cells with their seeds, datasets, reports, and runs that go on, each once."""

import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tracking import Mirror, Runs, records_in_mlflow
from benchmarks.tracking.links import links_of
from tests.benchmarks.tracked import STUDY, begin, config_of, epoch, log_run, mlflow_runs, outcome


@pytest.fixture
def mirror(store: str) -> Mirror:
    return Mirror(store)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def artifacts_of(mirror: Mirror, run: Any) -> set[str]:
    return {file.path for file in mirror.connection.client().list_artifacts(run.info.run_id)}


def test_the_seeds_of_a_cell_are_nested_under_one_run_with_their_mean_and_deviation(mirror: Mirror, runs: Runs) -> None:
    for seed, accuracy in enumerate((0.4, 0.6, 0.8)):
        log_run(runs, config_of(seed=seed), accuracy)
        mirror.sync(runs, STUDY)
    log_run(runs, config_of(time_steps=2), 0.3)
    Mirror(mirror.connection.uri).sync(runs, STUDY)  # another process finds what is there
    cells, seeds = mlflow_runs(mirror, "cell"), mlflow_runs(mirror)
    ids = [cell.info.run_id for cell in cells]
    assert [run.data.tags["mlflow.parentRunId"] for run in seeds] == [ids[0], ids[0], ids[0], ids[1]]
    five, two = (cell.data.metrics for cell in cells)
    assert five["seeds_finished"] == 3
    assert math.isclose(five["accuracy_last_mean"], 0.6)
    assert math.isclose(five["accuracy_last_std"], 0.2)
    assert math.isclose(five["silent_fraction_mean"], 0.7)
    assert (two["accuracy_last_mean"], "accuracy_last_std" in two) == (0.3, False)
    assert "seed" not in cells[0].data.params
    assert cells[0].data.params["parameters.lif.tau_s"] == "3.0"
    assert [cell.info.run_name for cell in cells] == [
        "60.0% T=5 tssl_bp",
        "30.0% T=2 tssl_bp",
    ]
    assert (cells[0].data.tags["status"], cells[0].info.status) == ("3 finished", "FINISHED")
    client = mirror.connection.client()
    assert [point.step for point in client.get_metric_history(ids[0], "accuracy_last_mean")] == [0, 0, 0]
    assert cells[0].inputs.dataset_inputs[0].dataset.name == "digits-train"
    assert cells[0].data.tags["mlflow.source.name"] == "command"


def curve(mirror: Mirror, run: Any, name: str) -> list[tuple[int, float]]:
    history = mirror.connection.client().get_metric_history(run.info.run_id, name)
    return sorted((point.step, round(point.value, 9)) for point in history)


def test_a_method_has_a_run_whose_step_is_t_made_anew_when_its_numbers_change(mirror: Mirror, runs: Runs) -> None:
    for steps, seed, accuracy in [(2, 0, 0.4), (5, 0, 0.6), (5, 1, 0.8)]:
        log_run(runs, config_of(time_steps=steps, seed=seed), accuracy)
    log_run(runs, config_of(method="ann"), 0.9)
    mirror.sync(runs, STUDY)
    ann, tssl = sorted(mlflow_runs(mirror, "method"), key=lambda run: str(run.info.run_name))
    assert [run.info.run_name for run in (ann, tssl)] == ["ann", "tssl_bp"]
    assert curve(mirror, tssl, "accuracy_over_T") == [(2, 0.4), (5, 0.7)]
    assert curve(mirror, tssl, "silent_over_T") == [(2, 0.7), (5, 0.7)]
    assert curve(mirror, ann, "accuracy_over_T") == [(1, 0.9)]
    log_run(runs, config_of(time_steps=2, seed=1), 0.6)
    mirror.sync(runs, STUDY)
    again, other = sorted(mlflow_runs(mirror, "method"), key=lambda run: str(run.info.run_name))
    assert again.info.run_id == ann.info.run_id, "what says the same is left alone"
    assert curve(mirror, other, "accuracy_over_T") == [(2, 0.5), (5, 0.7)]


def test_a_method_that_was_broken_off_or_made_twice_ends_as_one_run(mirror: Mirror, runs: Runs) -> None:
    log_run(runs, config_of())
    mirror.sync(runs, STUDY)
    (whole,) = mlflow_runs(mirror, "method")
    client, experiment = mirror.connection.client(), whole.info.experiment_id
    client.create_run(experiment, run_name="gone", tags={"kind": "method"})
    client.create_run(experiment, run_name="tssl_bp", tags={"kind": "method", "content": whole.data.tags["content"]})
    mirror.sync(runs, STUDY)
    assert [run.info.run_id for run in mlflow_runs(mirror, "method")] == [whole.info.run_id]


def test_settings_that_differ_at_one_t_have_a_line_each(mirror: Mirror, runs: Runs) -> None:
    for rate in (1e-3, 2e-3):
        log_run(runs, config_of(optimizer={"learning_rate": rate}))
    mirror.sync(runs, STUDY)
    names = {run.info.run_name for run in mlflow_runs(mirror, "method")}
    assert names == {"tssl_bp learning_rate=0.001", "tssl_bp learning_rate=0.002"}


def test_links_open_the_runs_of_a_study_in_the_ui_of_its_store(mirror: Mirror, runs: Runs) -> None:
    log_run(runs, config_of())
    mirror.sync(runs, STUDY)
    table, charts = mirror.links(STUDY).values()
    assert table.startswith("http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&searchFilter=")
    assert "compareRunsMode=CHART" in charts
    assert links_of("http://there:80/", "7")["table"].startswith("http://there:80/#/experiments/7/runs?")


def test_a_run_shows_its_configuration_curves_tables_and_datasets_and_describes_itself(
    mirror: Mirror, runs: Runs
) -> None:
    log_run(runs, config_of(), 0.75)
    assert mirror.sync(runs, STUDY) == 1
    (run,) = mlflow_runs(mirror)
    (record,) = runs.records(STUDY)
    assert run.data.params["parameters.lif.tau_s"] == "3.0"
    assert run.data.params["optimizer.learning_rate"] == "0.0005"
    assert (run.data.tags["run_key"], run.data.tags["processor"]) == (record.run_key, "processor")
    for name, steps in (("train_loss", [1, 2, 3]), ("accuracy_at_step", [1, 2])):
        history = mirror.connection.client().get_metric_history(run.info.run_id, name)
        assert [point.step for point in history] == steps
    assert {name: run.data.metrics[name] for name in record.measures} == record.measures
    assert artifacts_of(mirror, run) == {"run.json"}, "no tables in this one"
    assert records_in_mlflow(mirror.connection.uri, STUDY) == [record]
    inputs = [(part.dataset.name, part.dataset.digest, part.tags[0].value) for part in run.inputs.dataset_inputs]
    assert inputs == [("digits-train", "0123456789", "train"), ("digits-test", "0123456789", "test")]
    assert run.inputs.dataset_inputs[0].dataset.source_type == "code"
    assert '"shape": [-1, 1, 8, 8]' in run.inputs.dataset_inputs[0].dataset.schema
    assert (run.info.run_name, run.info.status) == ("tssl_bp T=5 seed=0 75.0%", "FINISHED")
    assert run.data.tags["mlflow.note.content"].startswith("**TSSL-BP** T=5 on Digits 8x8, network 12, 3 epochs")
    assert "75.00%" in run.data.tags["mlflow.note.content"]


def test_a_cell_and_its_runs_say_how_they_stand_at_any_moment(mirror: Mirror, runs: Runs) -> None:
    def standing() -> list[tuple[str, str]]:
        mirror.sync(runs, STUDY)
        return [
            (run.data.tags["status"], run.info.status) for kind in ("cell", "run") for run in mlflow_runs(mirror, kind)
        ]

    begin(runs, config_of(seed=0)).close("diverged", "loss is nan")
    assert standing() == [("1 diverged", "FAILED"), ("diverged", "FAILED")]
    with runs.lock(STUDY, config_of(seed=1).run_key):
        run = begin(runs, config_of(seed=1))
        run.epoch(epoch(1))
        assert standing() == [("1 diverged, 1 running", "RUNNING"), ("diverged", "FAILED"), ("running", "RUNNING")]
    assert standing() == [("1 diverged, 1 interrupted", "FAILED"), ("diverged", "FAILED"), ("interrupted", "KILLED")]
    with runs.lock(STUDY, config_of(seed=1).run_key):
        run = begin(runs, config_of(seed=1), history=[epoch(1)])
        assert standing()[2] == ("running", "RUNNING")
        run.finish(outcome())
    assert standing() == [("1 diverged, 1 finished", "FINISHED"), ("diverged", "FAILED"), ("finished", "FINISHED")]
    points = mirror.connection.client().get_metric_history(mlflow_runs(mirror)[1].info.run_id, "train_loss")
    assert [point.step for point in points] == [1]


def test_what_was_begun_anew_leaves_the_earlier_one_but_not_as_running(mirror: Mirror, runs: Runs) -> None:
    with runs.lock(STUDY, config_of().run_key):
        begin(runs, config_of())
        mirror.sync(runs, STUDY)
        log_run(runs, config_of(), 0.6)
        begin(runs, config_of(seed=1)).close("failed", "out of memory", "Traceback")
        mirror.sync(runs, STUDY)
    found = [(run.data.tags["status"], run.info.status) for run in mlflow_runs(mirror)]
    assert found == [("interrupted", "KILLED"), ("finished", "FINISHED"), ("failed", "FAILED")]
    assert artifacts_of(mirror, mlflow_runs(mirror)[2]) == {"run.json", "error.txt"}
    (cell,) = mlflow_runs(mirror, "cell")
    assert (cell.data.metrics["seeds_finished"], cell.data.metrics["accuracy_last_mean"]) == (1, 0.6)


def test_what_is_up_to_date_is_left_alone(mirror: Mirror, runs: Runs) -> None:
    log_run(runs, config_of())
    assert [mirror.sync(runs, STUDY), mirror.sync(runs, STUDY), Mirror(mirror.connection.uri).sync(runs, STUDY)] == [
        1,
        0,
        0,
    ]


def test_a_report_is_kept_once_with_its_figures(mirror: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "figure.png").write_bytes(b"picture")
    for text in ("# Old", "# Title\n\nTable\n\n## Figures\n\n![figure](figure.png)\n"):
        (folder / "report.md").write_text(text)
        mirror.log_report(STUDY, folder)
    (run,) = mlflow_runs(mirror, "report")
    assert artifacts_of(mirror, run) == {"figure.png", "report.md"}
    experiment = mirror.connection.client().get_experiment_by_name(STUDY)
    assert experiment is not None
    assert experiment.tags["mlflow.note.content"] == "# Title\n\nTable"


def test_the_use_of_the_machine_is_logged_with_the_epoch_of_a_run_in_progress(
    store: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sampler:
        def sample(self) -> dict[str, float]:
            return {"system/cpu_utilization_percentage": 50.0}

    monkeypatch.setattr("benchmarks.tracking.mirror.SystemSampler.if_possible", Sampler)
    with runs.lock(STUDY, config_of().run_key):
        begin(runs, config_of()).epoch(epoch(1))
        mirror = Mirror(store, system_metrics=True)
        mirror._bring_up_to_date(mirror.connection.client(), runs, STUDY, live=True)
    (run,) = mlflow_runs(mirror)
    history = mirror.connection.client().get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
    assert [(point.step, point.value) for point in history] == [(1, 50.0)]


def test_without_psutil_the_use_of_the_machine_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.tracking.system import SystemSampler

    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert SystemSampler.if_possible() is None


def test_mlflows_own_samplers_are_asked_at_most_every_few_seconds() -> None:
    pytest.importorskip("psutil", reason="needs psutil")
    from benchmarks.tracking.system import SystemSampler

    sampler = SystemSampler.if_possible()
    assert sampler is not None
    assert "system/system_memory_usage_megabytes" in sampler.sample()
    assert sampler.sample() == {}
