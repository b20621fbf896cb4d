"""An MLflow that is locked, gone, or loses its answers: no run waits, nothing is lost, nothing comes twice."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cli.main import main
from benchmarks.config.execution import Execution
from benchmarks.errors import TrackingError
from benchmarks.platform.interruption import Terminated
from benchmarks.study.study import Study, cell_of
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Mirror, Record, Runs, records_in_mlflow
from benchmarks.tracking import runs as runs_module
from benchmarks.tracking.connection import Connection
from benchmarks.tracking.upload import Uploader
from tests.benchmarks.tracked import STUDY, config_of, epoch, locked, log_run, mlflow_runs

SMALL = {"method": "ann", "epochs": 2, "train_samples": 64, "test_samples": 50}
TWO = Study(STUDY, STUDY, "smoke", "tssl sweep", tuple(cell_of(config_of(seed=seed, **SMALL)) for seed in (0, 1)))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.tracking.sqlite_store.LOCK_SECONDS", 0.05)
    monkeypatch.setattr("benchmarks.tracking.connection.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("benchmarks.tracking.mirror.INTERVAL", 0.05)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def assert_arrived(store: str, runs: Runs) -> None:
    """Every record is there once, as it is, with each of its epochs once."""
    records, mirror = runs.records(STUDY), Mirror(store)
    assert records_in_mlflow(store, STUDY) == records
    found = mlflow_runs(mirror)
    assert {run.info.status for run in found} == {"FINISHED"}
    for run, record in zip(found, records, strict=True):
        history = mirror.connection.client().get_metric_history(run.info.run_id, "train_loss")
        assert [point.step for point in history] == [epoch.epoch for epoch in record.history]
        assert len(run.inputs.dataset_inputs) == 2
    assert len(mlflow_runs(mirror, "cell")) == 1


def test_a_sweep_does_not_wait_for_a_locked_store_and_says_how_to_bring_it_up_to_date(
    store: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(store):
        assert run_study(TWO, Execution(device="cpu"), runs, mirror=Mirror(store)) == {"finished": 2}
    printed = capsys.readouterr().err
    assert printed.count("The sweep goes on without MLflow") == 1
    assert "database is locked" in printed
    assert f"tssl sync {STUDY} --runs {runs.root} --tracking-uri {store}" in printed
    assert run_study(TWO, Execution(device="cpu"), runs, mirror=Mirror(store)) == {}, "all is done"
    assert_arrived(store, runs)


def test_what_a_locked_store_lacks_comes_when_it_is_free_again_while_the_sweep_goes_on(
    store: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = Mirror(store)
    with mirror.following(runs, STUDY):
        with locked(store):
            log_run(runs, config_of(seed=0))
            time.sleep(0.3)
        monkeypatch.setattr("benchmarks.tracking.sqlite_store.LOCK_SECONDS", 20.0)  # who looks may meet who writes
        log_run(runs, config_of(seed=1))
        deadline = time.monotonic() + 20
        while len(mlflow_runs(mirror)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(mlflow_runs(mirror)) == 2
    assert_arrived(store, runs)


@pytest.mark.parametrize("failing", range(9))
def test_a_store_that_loses_an_answer_in_the_middle_has_all_of_it_once(
    store: str, runs: Runs, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    calls: list[str] = []

    def failing_once(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(method.__name__)
            result = method(*args, **kwargs)
            if len(calls) == 1 + 2 * failing:  # done, but nobody hears of it
                raise MlflowException("connection reset")
            return result

        return call

    for name in ("create_run", "log_batch", "log_text", "log_inputs", "set_tag", "update_run", "set_terminated"):
        monkeypatch.setattr(MlflowClient, name, failing_once(getattr(MlflowClient, name)))
    log_run(runs, config_of())
    mirror = Mirror(store)
    with pytest.raises(TrackingError, match="connection reset"):
        mirror.sync(runs, STUDY)
    mirror.sync(runs, STUDY)
    assert len(calls) > 2 * failing
    assert_arrived(store, runs)


@pytest.mark.parametrize("killed_at", ["create_run", "log_inputs", "log_text", "set_terminated"])
def test_a_mirror_that_is_killed_in_the_middle_is_made_whole_by_the_next(
    store: str, runs: Runs, killed_at: str
) -> None:
    log_run(runs, config_of())
    child = os.fork()
    if child == 0:
        from mlflow import MlflowClient

        method = getattr(MlflowClient, killed_at)

        def killed(*args: Any, **kwargs: Any) -> None:
            method(*args, **kwargs)
            os.kill(os.getpid(), 9)

        setattr(MlflowClient, killed_at, killed)
        Mirror(store).sync(runs, STUDY)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert Mirror(store).sync(runs, STUDY) == 1
    assert_arrived(store, runs)


def test_a_run_that_is_stopped_while_it_is_registered_does_not_stay_running(
    store: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = runs_module.write

    def stopped(path: Path, record: Record) -> None:
        write(path, record)
        raise Terminated

    monkeypatch.setattr(runs_module, "write", stopped)
    with pytest.raises(Terminated):
        run_study(TWO, Execution(device="cpu"), runs, mirror=Mirror(store))
    assert [record.status for record in runs.records(STUDY)] == ["interrupted"]
    assert [run.info.status for run in mlflow_runs(Mirror(store))] == ["KILLED"]


def test_a_record_that_this_code_cannot_read_a_configuration_of_does_not_stop_the_others(
    store: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    log_run(runs, config_of(seed=0))
    (path,) = runs.files(STUDY)
    path.write_text(path.read_text().replace('"method": "tssl_bp"', '"method": "magic"'))
    log_run(runs, config_of(seed=1))
    assert Mirror(store).sync(runs, STUDY) == 1
    assert "is not mirrored: " in capsys.readouterr().err


def test_a_store_that_has_gone_is_not_made_anew(store: str, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    mirror = Mirror(store)
    mirror.connection.client()
    Path("mlflow.db").rename("elsewhere.db")
    log_run(runs, config_of())
    with pytest.raises(TrackingError, match="unable to open database file"):
        mirror.sync(runs, STUDY)
    assert not Path("mlflow.db").exists()
    Path("elsewhere.db").rename("mlflow.db")
    assert main(["sync", "--runs", str(runs.root), "--tracking-uri", store]) == 0
    assert f"{STUDY}: 1 of 1 runs were not up to date in {store}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "uri", ["sqlite:////proc/x.db", "sqlite:////proc/none/x.db", "gopher://127.0.0.1", "http://127.0.0.1:9"]
)
def test_a_store_that_cannot_be_used_or_never_answers_is_named_and_no_run_is_lost(
    uri: str, runs: Runs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert run_study(TWO, Execution(device="cpu"), runs, mirror=Mirror(uri)) == {"finished": 2}
    assert f"cannot use the tracking store '{uri}'" in capsys.readouterr().err
    with pytest.raises(TrackingError, match=rf"cannot use the tracking store '{uri}'.*--tracking-uri"):
        Mirror(uri).sync(runs, STUDY)


def test_a_store_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database " * 100)
    with pytest.raises(TrackingError, match="file is not a database"):
        Mirror(f"sqlite:///{tmp_path / 'mlflow.db'}").connection.client()


def test_a_study_that_mlflow_does_not_have_is_refused_with_those_that_it_has(store: str) -> None:
    with pytest.raises(TrackingError, match=r"no study 'tiny' in .*it has: Default"):
        records_in_mlflow(store, STUDY)


def test_after_a_failure_the_store_is_left_in_peace_for_a_while(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.tracking.connection.FIRST_PAUSE", 5.0)
    connection, now, tries = Connection(store), [100.0], []
    monkeypatch.setattr("benchmarks.tracking.connection.time.monotonic", lambda: now[0])

    def fail(_client: object) -> None:
        tries.append(now[0])
        raise OSError("no route")

    for now[0] in range(100, 140):
        connection.attempt(fail)
    assert tries == [100, 105, 115, 135]
    assert "no route" in connection.failure
    assert connection.attempt(lambda _client: None, at_once=True)
    assert connection.failure == ""


def test_two_machines_that_make_an_experiment_at_once_share_it(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Uploader(Connection(store).client()) for _ in range(2))
    late = iter([None])
    find = Uploader.find_experiment
    monkeypatch.setattr(second, "find_experiment", lambda study: (next(late, "") and None) or find(second, study))
    assert first.experiment("x") == second.experiment("x")


def test_more_epochs_than_mlflow_takes_at_once_all_arrive(
    store: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.tracking.upload.METRICS_A_CALL", 4)
    log_run(runs, config_of(), epochs=10)
    Mirror(store).sync(runs, STUDY)
    assert_arrived(store, runs)
    assert runs.records(STUDY)[0].history[9] == epoch(10)
