"""What a sweep says while it runs: where each run stands, and what is left by measured epochs; and it does say it."""

import json
import re
import time
from pathlib import Path

import pytest

from benchmarks.cli.main import main
from benchmarks.config.run import validate_run
from benchmarks.executors.executor import Outcome
from benchmarks.study.study import Cell
from benchmarks.sweep import voice as module
from benchmarks.sweep.estimate import CellCost, Speed
from benchmarks.sweep.plan import PlannedRun
from benchmarks.sweep.progress import Progress
from benchmarks.sweep.standing import Standing
from benchmarks.sweep.voice import CLEAR, SILENCE, Voice
from benchmarks.tracking import Runs

STUDY = "made"
DONE = Outcome("finished", "")


def planned(seed: int, *, method: str = "ann", epochs: int = 0) -> PlannedRun:
    config = validate_run({"dataset": "digits", "method": method, "architecture": "12", "epochs": 10, "seed": seed})
    return PlannedRun(Cell(config, None), Standing("unfinished" if epochs else "new", epochs=epochs), True)


def progress_of(*plan: PlannedRun, estimate: float | None = None, at_once: int = 1, root: Path) -> Progress:
    costs = [CellCost(run.cell.config, 10, Speed(estimate, 0.0)) for run in plan] if estimate else []
    return Progress(plan, Runs(root), STUDY, costs=costs, at_once=at_once)


def write_epochs(root: Path, run: PlannedRun, seconds: list[float], status: str = "running") -> None:
    """The record of a run, as far as progress is read from it."""
    epochs = [
        {"train_seconds": 0.75 * taken, "test_seconds": 0.25 * taken, "train_loss": 0.5, "test_accuracy": 0.9}
        for taken in seconds
    ]
    file = Runs(root).folder(STUDY, run.cell.config.run_key) / "run.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"status": status, "history": epochs}))


def test_nothing_is_said_of_the_time_before_anything_is_known(tmp_path: Path) -> None:
    progress = progress_of(planned(0), root=tmp_path)
    assert progress.seconds() is None
    assert progress.line() == "[0/1] getting ready"


def test_what_is_left_is_by_measured_epochs_and_not_by_the_estimate(tmp_path: Path) -> None:
    first, second, other = planned(0), planned(1), planned(0, method="stbp")
    progress = progress_of(first, second, other, estimate=1.0, root=tmp_path)
    assert progress.seconds() == (30, 30)
    write_epochs(tmp_path, first, [2.0, 4.0])
    assert progress.look()
    assert not progress.look(), "nothing has changed"
    low, high = progress.seconds() or (0, 0)
    # 8 and 10 epochs of 2 to 4 s, and 10 of a kind that was not measured: three times as slow as estimated, like this.
    assert low == pytest.approx(8 * 2 + 10 * 2 + 30, abs=0.5)
    assert high == pytest.approx(8 * 4 + 10 * 4 + 30, abs=0.5)
    write_epochs(tmp_path, first, [2.0, 4.0] * 5, status="finished")
    progress.ended(first.cell.config.run_key, DONE)
    assert progress.seconds() == (10 * 2 + 30, 10 * 4 + 30)
    progress.ended(second.cell.config.run_key, Outcome("failed", ""))
    progress.ended(other.cell.config.run_key, DONE)
    assert progress.left() == ""


def test_a_line_has_epoch_loss_accuracy_and_a_range_where_epochs_scatter(tmp_path: Path) -> None:
    run = planned(0)
    progress = progress_of(run, planned(1), root=tmp_path)
    write_epochs(tmp_path, run, [60.0, 120.0, 60.0, 120.0, 60.0])
    progress.look()
    expected = r"\[0/2\] ann seed=0 digits 12: epoch 5 of 10, loss 0\.5, 90\.00%; about 1[45] min to (29|30) min left"
    assert re.fullmatch(expected, progress.line())
    write_epochs(tmp_path, run, [0.01] * 10)
    progress.look()
    assert progress.line().endswith("; about 1 s left"), "a run is left: never 0 s"


def test_runs_at_a_time_are_all_in_the_line(tmp_path: Path) -> None:
    runs = [planned(seed) for seed in range(4)]
    progress = progress_of(*runs, root=tmp_path, at_once=2)
    for run in runs[:2]:
        write_epochs(tmp_path, run, [10.0] * 5)
    progress.look()
    assert progress.line().count("epoch 5 of 10") == 2
    low, high = progress.seconds() or (0, 0)
    assert low == pytest.approx(150, abs=1), "side by side"
    assert low == high


def test_a_record_of_an_earlier_call_is_not_taken_for_a_run_in_progress(tmp_path: Path) -> None:
    run = planned(0, epochs=4)
    write_epochs(tmp_path, run, [100.0] * 4)
    time.sleep(0.2)
    progress = progress_of(run, root=tmp_path, estimate=1.0)
    progress.look()
    assert progress.line() == "[0/1] getting ready; about 6 s left"
    time.sleep(0.01)
    write_epochs(tmp_path, run, [100.0] * 4 + [2.0])
    progress.look()
    low, high = progress.seconds() or (0, 0)
    assert low == pytest.approx(10, abs=0.5), "of this call's one epoch"
    assert high == low


def test_a_voice_speaks_when_nothing_was_said_for_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert SILENCE + module.REDRAW < 15
    monkeypatch.setattr(module, "SILENCE", 0.3)
    monkeypatch.setattr(module, "REDRAW", 0.05)
    with Voice(lambda: "at work", terminal=False) as voice:
        voice.say("a line")
        time.sleep(0.5)
    printed = capsys.readouterr()
    assert printed.out == "a line\nat work\n"
    assert printed.err == ""


def test_on_a_terminal_one_line_is_drawn_over_and_what_is_said_stays_above(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "REDRAW", 0.1)
    monkeypatch.setenv("COLUMNS", "8")
    with Voice(lambda: "at work for hours", terminal=True) as voice:
        time.sleep(0.3)
        voice.say("a line")
    printed = capsys.readouterr()
    assert printed.out == "a line\n"
    drawn = printed.err.split(CLEAR)
    assert drawn[0] == ""
    assert set(drawn[1:]) == {"at work", ""}, "no wider than the terminal, and gone in the end"
    assert printed.err.endswith(CLEAR)


def test_a_long_run_is_never_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = '[run]\ndataset = "digits"\narchitecture = "12"\nepochs = 20\n[grid]\nmethod = ["ann"]\nseed = [0, 1]\n'
    (tmp_path / "long.toml").write_text('name = "long"\ntitle = "Long"\n' + study)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "SILENCE", 0.1)
    monkeypatch.setattr(module, "REDRAW", 0.1)
    assert main(["sweep", "long.toml", "--device", "cpu", "--tracking-uri", "off", "--no-estimate"]) == 0
    printed = capsys.readouterr().out
    told = re.findall(r"ann seed=\d digits 12: epoch (\d+) of 20, loss [\d.]+, [\d.]+%.*; about .* left", printed)
    assert told
    assert all(0 < int(epoch) <= 20 for epoch in told)
    assert not re.search(r"\b0 s left", printed)
