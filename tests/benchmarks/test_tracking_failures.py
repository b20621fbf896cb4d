"""A store that is locked, gone or in use, a process that dies: nothing is lost, nothing comes twice, no run ends."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.errors import TrackingError
from benchmarks.tracking import MlflowTracker, open_tracker
from benchmarks.tracking.calls import Batch, Text, call_of, merged, points_of, to_line
from benchmarks.tracking.connection import Connection
from benchmarks.tracking.sender import Sender
from tests.benchmarks.tracked import ENVIRONMENT, STUDY, config_of, epoch, impatient, locked, log_run, outcome, pending


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.tracking.connection.LOCK_SECONDS", 0.05)


def assert_arrived(tracker: MlflowTracker, *seeds: int) -> None:
    """Every run is there once, finished, with its three epochs."""
    runs, epochs = tracker.rows(STUDY)
    assert [(row["seed"], row["status"]) for row in runs] == [(str(seed), "finished") for seed in seeds]
    assert [(row["run_key"], row["epoch"]) for row in epochs] == [
        (row["run_key"], number) for row in runs for number in (1, 2, 3)
    ]
    assert len(tracker.anytime_rows(STUDY)) == 2 * len(seeds)
    assert not Path("tracking-pending").exists()


def test_a_run_leaves_no_file_when_all_has_arrived(store: str) -> None:
    tracker = MlflowTracker(store)
    run = tracker.start(STUDY, config_of(), ENVIRONMENT)
    assert len(pending()) == 1
    for number in (1, 2, 3):
        run.epoch(epoch(number))
    run.finish(outcome())
    assert_arrived(tracker, 0)


def test_a_store_that_is_locked_for_a_while_gets_everything_later(store: str) -> None:
    tracker = impatient(store)
    run = tracker.start(STUDY, config_of(), ENVIRONMENT)
    with locked(store):
        for number in (1, 2, 3):
            run.epoch(epoch(number))
    run.finish(outcome())
    assert_arrived(tracker, 0)


def test_a_run_waits_at_its_end_for_a_store_that_comes_back(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = impatient(store, patience=30.0)
    run = tracker.start(STUDY, config_of(), ENVIRONMENT)
    for number in (1, 2, 3):
        run.epoch(epoch(number))
    lock = locked(store)
    lock.__enter__()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            lock.__exit__(None, None, None)

    monkeypatch.setattr("benchmarks.tracking.outbox.time.sleep", wait)
    run.finish(outcome())
    assert waited == [0.25, 0.5, 1.0]
    assert_arrived(tracker, 0)


def test_runs_of_a_locked_store_are_kept_and_sent_by_the_next_one(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = impatient(store)
    with locked(store):
        log_run(tracker, config_of(seed=0))
        log_run(tracker, config_of(seed=1))
        assert len(pending()) == 2
        printed = capsys.readouterr().err
        assert "database is locked" in printed
        assert f"The run is kept in {pending()[0].absolute()}" in printed
    assert tracker.done_keys(STUDY) == set(), "only what has arrived counts as done"
    log_run(tracker, config_of(seed=2))
    assert "sent 2 runs to sqlite:///" in capsys.readouterr().err
    assert_arrived(tracker, 0, 1, 2)


def test_runs_are_sent_at_the_next_start_and_once(store: str) -> None:
    with locked(store):
        log_run(impatient(store), config_of())
    tracker = open_tracker(store)
    assert isinstance(tracker, MlflowTracker)
    assert_arrived(tracker, 0)
    assert tracker.done_keys(STUDY) == {config_of().run_key}
    assert tracker.replay() == 0


def test_what_arrived_before_the_answer_was_lost_is_not_logged_twice(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(store):
        log_run(impatient(store), config_of())
    (file,) = pending()
    content, tracker = file.read_text(), impatient(store)
    tracker.replay()
    file.parent.mkdir()
    file.write_text(content)  # as if the process had died before it deleted the file
    assert impatient(store).replay() == 1
    assert_arrived(tracker, 0)
    (run,) = tracker._runs(STUDY)
    assert len(tracker.client.get_metric_history(run.info.run_id, "train_loss")) == 3


@pytest.mark.parametrize("failing", range(6))
def test_a_store_that_fails_in_the_middle_gets_the_rest_once(
    store: str, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    calls: list[str] = []
    for name in ("create_run", "log_batch", "log_text", "log_inputs", "set_tag", "set_terminated"):
        method = getattr(MlflowClient, name)

        def failing_once(self: MlflowClient, *args: object, method=method, **kwargs: object) -> object:  # type: ignore[no-untyped-def]
            calls.append(method.__name__)
            result = method(self, *args, **kwargs)
            if len(calls) == 1 + 2 * failing:  # done, but nobody hears of it
                raise MlflowException("connection reset")
            return result

        monkeypatch.setattr(MlflowClient, name, failing_once)
    tracker = impatient(store)
    log_run(tracker, config_of())
    tracker.replay()
    assert len(calls) > 10
    assert_arrived(tracker, 0)


def test_a_killed_process_leaves_what_it_had_not_sent(store: str) -> None:
    code = f"""
import os, signal
from tests.benchmarks.tracked import *
run = impatient({store!r}).start(STUDY, config_of(), ENVIRONMENT)
run.epoch(epoch(1))
run.epoch(epoch(2))
run.epoch(epoch(3))
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{code}"], check=False
    )
    assert killed.returncode == -9
    tracker = MlflowTracker(store)
    assert [row["epoch"] for row in tracker.rows(STUDY)[1]] == [], "epochs wait to be said together"
    assert tracker.replay() == 1
    (run,), epochs = tracker.rows(STUDY)
    assert run["status"] == "running", "it may go on"
    assert [row["epoch"] for row in epochs] == [1, 2, 3]


def test_what_a_killed_process_left_goes_to_its_run_before_that_goes_on(store: str) -> None:
    other = impatient(store)  # a sweep that began before the other one was killed
    run = impatient(store).start(STUDY, config_of(), ENVIRONMENT)
    run.epoch(epoch(1))
    del run
    assert len(pending()) == 1
    again = other.start(STUDY, config_of(), ENVIRONMENT, done=[])
    again.epoch(epoch(2))
    again.epoch(epoch(3))
    again.finish(outcome())
    assert_arrived(impatient(store), 0)
    assert impatient(store).replay() == 0


def test_the_file_of_a_run_in_progress_is_left_alone(store: str) -> None:
    run = impatient(store).start(STUDY, config_of(), ENVIRONMENT)
    assert impatient(store).replay() == 0
    for number in (1, 2, 3):
        run.epoch(epoch(number))
    run.finish(outcome())
    assert_arrived(impatient(store), 0)


def test_runs_of_another_store_wait_for_that_one(store: str, store_template: Path, tmp_path: Path) -> None:
    with locked(store):
        log_run(impatient(store), config_of())
    (tmp_path / "other.db").write_bytes(store_template.read_bytes())
    assert impatient(f"sqlite:///{tmp_path / 'other.db'}").replay() == 0
    assert impatient("sqlite:///mlflow.db").replay() == 1, "named from the folder, it is the same store"


def test_a_line_that_a_crash_has_cut_off_is_left_out(store: str) -> None:
    with locked(store):
        log_run(impatient(store), config_of())
    (file,) = pending()
    file.write_text(file.read_text() + '{"call": "Batch", "metr')
    impatient(store).replay()
    assert_arrived(impatient(store), 0)


@pytest.mark.parametrize("content", ["", "nonsense\n", '{"call": "Opening"}\n', '{"call": "Text", "path": 3}\n'])
def test_a_file_that_cannot_be_read_is_named_and_does_no_harm(
    store: str, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    Path("tracking-pending").mkdir()
    Path("tracking-pending/x.jsonl").write_text(content)
    assert impatient(store).replay() == 0
    assert "x.jsonl cannot be read" in capsys.readouterr().err
    assert pending()


def test_a_folder_that_cannot_be_written_is_named_before_the_run(store: str) -> None:
    Path("file").touch()
    with pytest.raises(TrackingError, match=r"cannot write .*file.*make room"):
        impatient(store, pending=Path("file")).start(STUDY, config_of(), ENVIRONMENT)


def test_a_store_that_has_gone_is_not_made_anew(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = impatient(store)
    Path("mlflow.db").rename("elsewhere.db")
    log_run(tracker, config_of())
    assert not Path("mlflow.db").exists()
    assert "unable to open database file" in capsys.readouterr().err
    Path("elsewhere.db").rename("mlflow.db")
    assert tracker.replay() == 1


def test_after_a_failure_the_store_is_left_in_peace_for_a_while(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, now, tries = Connection(store), [100.0], []
    monkeypatch.setattr("benchmarks.tracking.connection.time.monotonic", lambda: now[0])

    def fail() -> None:
        tries.append(now[0])
        raise OSError("no route")

    for now[0] in range(100, 140):
        connection.attempt(fail)
    assert tries == [100, 105, 115, 135]
    assert "no route" in connection.failure
    assert connection.attempt(lambda: None, at_once=True)
    assert connection.failure == ""


def test_calls_survive_the_file_as_they_were() -> None:
    call = Batch(points_of([("a", 0.1 + 0.2, 3), ("b", float("inf"), 4)]), {"p": "1"}, {"t": "ü"})
    again = call_of(to_line(call))
    assert isinstance(again, Batch)
    assert [tuple(point) for point in again.metrics] == list(call.metrics)
    assert (again.params, again.tags) == (call.params, call.tags)
    assert json.loads(to_line(Text("a", "b")))["call"] == "Text"


def test_batches_in_a_row_are_joined_as_far_as_mlflow_takes_them() -> None:
    def batch(*steps: int) -> Batch:
        return Batch(tuple(("a", 0.0, 0, step) for step in steps))

    joined = merged([batch(1), batch(2, 3), Text("a", "b"), batch(4), Batch(tags={"t": "1"}), Batch(tags={"t": "2"})])
    assert joined == [batch(1, 2, 3), Text("a", "b"), Batch(batch(4).metrics, {}, {"t": "2"})]
    assert [len(part.metrics) for part in merged([batch(*range(600))] * 3) if isinstance(part, Batch)] == [600] * 3
    assert len(merged([Batch(tags={str(n): ""}) for n in range(150)])) == 2


def test_two_processes_that_make_an_experiment_at_once_share_it(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Sender(Connection(store).client), Sender(Connection(store).client)
    late = iter([None])
    find = Sender.find_experiment
    monkeypatch.setattr(second, "find_experiment", lambda study: (next(late, "") and None) or find(second, study))
    assert first.experiment("x") == second.experiment("x")


def test_a_file_is_locked_as_long_as_its_run_lasts(store: str) -> None:
    run = impatient(store).start(STUDY, config_of(), ENVIRONMENT)
    with pending()[0].open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    run.close("stopped")
