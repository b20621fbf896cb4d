"""The record of a run: whole at any moment, gone on with, and read without asking who wrote it."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import DamagedRecordError, LockedError, TrackingError
from benchmarks.platform.locks import is_locked, locked
from benchmarks.results import EpochResult, OutputRaster
from benchmarks.tracking import Record, Runs
from benchmarks.tracking.runs import read
from tests.benchmarks.tracked import STUDY, begin, config_of, epoch, log_run, outcome

KEY = config_of().run_key


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def test_a_record_is_the_same_when_it_is_read(runs: Runs) -> None:
    raster = OutputRaster(sample=1, output=("01",), target=("10",))
    with runs.lock(STUDY, KEY):
        run = begin(runs, config_of())
        run.epoch(replace(epoch(1), train_loss=0.1 + 0.2, measures={"van_rossum": math.inf}, rasters=(raster,)))
        assert runs.find(STUDY, KEY) == run.record
        run.finish(outcome(0.75))
    record = runs.find(STUDY, KEY)
    assert record == Record.of(json.loads(run.record.to_json()))
    assert (record.status, record.revision, record.done) == ("finished", 3, True)
    assert record.history == run.record.history
    assert record.measures == outcome(0.75).measures
    assert record.run_config() == config_of()
    assert list(runs.folder(STUDY, KEY).iterdir()) == [*runs.files(STUDY)], "the lock is there only meanwhile"


def test_a_run_says_that_it_is_running_as_long_as_its_process_holds_the_lock(runs: Runs) -> None:
    with runs.lock(STUDY, KEY):
        begin(runs, config_of())
        assert [record.status for record in runs.records(STUDY)] == ["running"]
    (record,) = runs.records(STUDY)
    assert (record.status, record.reason) == ("interrupted", "its process ended without a word")


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_an_unfinished_run_goes_on_in_its_record_with_the_epochs_of_its_checkpoint(runs: Runs, status: str) -> None:
    run = begin(runs, config_of())
    for number in (1, 2, 3):
        run.epoch(epoch(number))
    if status == "interrupted":
        run.close("interrupted", "stopped by SIGTERM")
    again = begin(runs, config_of(), history=[epoch(1), epoch(2)])
    assert (again.record.record_id, again.record.started) == (run.record.record_id, run.record.started)
    assert again.record.revision > run.record.revision
    assert (again.record.status, again.record.reason, again.record.ended) == ("running", "", None)
    again.epoch(epoch(2, 0.25))
    assert [(done.epoch, done.test_accuracy) for done in again.record.history] == [(1, 0.5), (2, 0.25)]


def test_a_run_that_failed_or_starts_anew_has_a_record_of_its_own(runs: Runs) -> None:
    run = begin(runs, config_of())
    assert begin(runs, config_of()).record.record_id != run.record.record_id
    run = begin(runs, config_of())
    run.close("failed", "out of memory")
    again = begin(runs, config_of(), history=[epoch(1)])
    assert again.record.record_id != run.record.record_id
    assert len(again.record.history) == 1


def test_epochs_are_timed_by_what_they_took(runs: Runs) -> None:
    log_run(runs, config_of())
    (record,) = runs.records(STUDY)
    assert [round(moment - record.started, 3) for moment in record.epoch_times()] == [1.5, 3.0, 4.5]


def test_a_file_that_is_no_record_is_named(runs: Runs) -> None:
    assert runs.records(STUDY) == []
    log_run(runs, config_of())
    (path,) = runs.files(STUDY)
    newer = {**json.loads(path.read_text()), "format": 2}
    for text, why in (("{", "Expecting"), ("{}", "format None"), (json.dumps(newer), "format 2"), ("[]", "")):
        path.write_text(text)
        with pytest.raises(DamagedRecordError, match=rf"run\.json is damaged \(.*{why}.*\); move its folder away"):
            read(path)
    whole = {**newer, "format": 1}
    wrong: list[dict[str, object]] = [
        {"history": "abc"},
        {"history": 5},
        {"environment": {}},
        {"measures": "text"},
        {"tables": [1]},
    ]
    damaged = [json.dumps({**whole, **change}).encode() for change in wrong]
    for content in (*damaged, b'"\xff"', b'{"format": 1, "history": 5}', b"", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(DamagedRecordError, match=r"run\.json is damaged"):
            read(path)


def test_a_damaged_record_is_left_out_with_a_word_and_replaced_by_a_run_from_the_start(runs: Runs) -> None:
    log_run(runs, config_of())
    log_run(runs, config_of(seed=1))
    path = runs.folder(STUDY, config_of().run_key) / "run.json"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.warns(UserWarning, match=r"run\.json is damaged .*; it is left out here"):
        (record,) = runs.records(STUDY)
    assert record.run_key == config_of(seed=1).run_key
    begin(runs, config_of())
    assert len(runs.records(STUDY)) == 2


def test_a_full_disk_leaves_the_record_as_it_was(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(runs, config_of())
    (path,) = runs.files(STUDY)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrackingError, match=r"No space left on device.*--runs"):
        run.epoch(epoch(1))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["run.json"]


def test_a_study_is_named_as_it_is_whatever_is_in_its_name(runs: Runs) -> None:
    execution = begin(runs, config_of()).record.execution
    record = replace(runs.records(STUDY)[0], study="a/b: c", execution=execution)
    runs.adopt(record)
    assert runs.studies() == sorted([STUDY, "a/b: c"])


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_lock_ends_with_its_holder_when_that_is_killed_and_the_record_says_who_that_was(runs: Runs) -> None:
    begin(runs, config_of())
    path = runs.folder(STUDY, KEY) / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        assert [record.status for record in runs.records(STUDY)] == ["running"]
        with pytest.raises(LockedError, match=f"in progress in process {os.getpid()} on "), runs.lock(STUDY, KEY):
            pass
        other.kill()
    assert path.exists(), "what a killed process leaves behind"
    assert [record.status for record in runs.records(STUDY)] == ["interrupted"]
    with runs.lock(STUDY, KEY):
        assert is_locked(path)


def test_who_looks_whether_a_lock_is_held_does_not_keep_others_from_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    path.touch()  # as a killed process leaves it
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
        with pytest.raises(LockedError), locked(path, seconds=0):
            pass
    assert not path.exists()


def test_an_epoch_of_before_a_number_was_measured_can_be_read() -> None:
    values = {"epoch": 1, "train_loss": 1.0, "train_accuracy": None, "test_accuracy": None}
    assert EpochResult.of({**values, "train_seconds": 1.0, "test_seconds": 1.0}).measures == {}
