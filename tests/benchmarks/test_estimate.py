"""What a study would cost: counted from measured steps, and nothing that is done or cannot run."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cli.main import main
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.study.study import Cell
from benchmarks.sweep import estimate as module
from benchmarks.sweep.durations import in_words, makespan, range_in_words
from benchmarks.sweep.estimate import CellCost, Estimate, Speed, estimate_runs, measure
from benchmarks.sweep.plan import PlannedRun
from benchmarks.sweep.standing import Standing
from benchmarks.tracking import Runs
from benchmarks.training.optimisation import train_step
from tests.benchmarks.numbers import SWEEP, write_study

HERE = Execution(device="cpu")
TINY = {"dataset": "digits", "method": "ann", "architecture": "12", "time_steps": 5, "epochs": 4, "train_samples": 64}


def config_of(**changes: object) -> RunConfig:
    return validate_run({**TINY, "test_samples": 50, **changes})


def planned(config: RunConfig, *, epochs: int = 0, chosen: bool = True, reason: str | None = None) -> PlannedRun:
    return PlannedRun(Cell(config, reason), Standing("unfinished" if epochs else "new", epochs=epochs), chosen)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock by which a step of training takes 2 s, and all else nothing."""
    now = [0.0]
    step = train_step

    def slow_step(*arguments: object, **options: object) -> object:
        now[0] += 2.0
        return step(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("benchmarks.training.training.train_step", slow_step)
    monkeypatch.setattr("benchmarks.sweep.estimate.time.perf_counter", lambda: now[0])
    return now


def test_an_epoch_costs_its_steps(clock: list[float]) -> None:
    config = config_of(batch_size=2, train_samples=64)
    speed = measure(config, HERE, get_dataset("digits").load(Path()))
    # An eighth of a batch of 2 is one sample, which was slow: the step is extrapolated from it.
    assert speed.epoch == pytest.approx(32 * 2.0 * 2)
    assert clock[0] == 4.0, "the second time counts, and a slow network is not measured longer than it has to be"


def test_each_kind_is_measured_once_and_what_does_not_run_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[RunConfig] = []

    def measure_once(config: RunConfig, *_: object) -> Speed:
        measured.append(config)
        return Speed(epoch=10.0, finish=1.0)

    monkeypatch.setattr(module, "measure", measure_once)
    plan = [
        planned(config_of(seed=0)),
        planned(config_of(seed=1), epochs=3),
        planned(config_of(method="tssl_bp")),
        planned(config_of(seed=2), chosen=False),
        planned(config_of(seed=3), reason="no spikes here"),
    ]
    estimate = estimate_runs(plan, HERE, lambda _: get_dataset("digits").load(Path()))
    assert [config.method for config in measured] == ["ann", "tssl_bp"]
    assert [cost.seconds for cost in estimate.costs] == [41.0, 11.0, 41.0]
    assert "about 93 s for 3 runs" in estimate.in_lines()
    assert "about 52 s with 2 at a time" in estimate.in_lines(2)
    assert [line.split()[2:7] for line in estimate.table().splitlines()[1:]] == [
        ["ann", "1", "50", "2", "5"],
        ["tssl_bp", "5", "50", "1", "4"],
    ]


def test_days_on_a_cpu_are_said_with_what_to_do_instead() -> None:
    cost = CellCost(config_of(), 4, Speed(epoch=86_400.0, finish=0.0))
    assert "needs 4.0 days for it; --profile quick" in Estimate((cost,), HERE).in_lines()
    on_gpu = replace(HERE, device="cuda", elsewhere=True)
    assert "--profile quick" not in Estimate((cost,), on_gpu).in_lines()
    assert Estimate((), HERE).in_lines() == "estimate: nothing is left to run"


def test_runs_at_a_time_are_divided_as_workers_take_them() -> None:
    assert makespan([4, 4, 4], 2) == 8
    assert makespan([5, 1, 1, 1], 2) == 5
    assert makespan([], 3) == 0
    assert range_in_words(0.0, 0.2) == "about 1 s", "something is left"
    assert range_in_words(50, 130) == "about 50 s to 2 min"
    assert [in_words(seconds) for seconds in (59.6, 600, 36_000, 864_000)] == ["60 s", "10 min", "10.0 h", "10.0 days"]


def test_runs_that_share_a_gpu_may_take_as_long_as_one_after_the_other() -> None:
    costs = tuple(CellCost(config_of(seed=seed), 4, Speed(epoch=10.0, finish=0.0)) for seed in range(4))
    on_gpu = Estimate(costs, replace(HERE, device="cuda", elsewhere=True))
    assert "about 80 s with 2 at a time for 4 runs" in on_gpu.in_lines(2)
    assert "if one alone fills the GPU, 3 min" in on_gpu.in_lines(2)
    assert "GPU" not in on_gpu.in_lines(1) + Estimate(costs, HERE).in_lines(2)


def test_what_is_not_here_is_not_fetched_for_an_estimate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data"
    root.mkdir()
    cifar = ["cifar10", "--profile", "quick", "--device", "cpu", "--data-root", str(root), "--tracking-uri", "off"]
    assert main(["sweep", *cifar, "--dry-run"]) == 0
    *runs, last = capsys.readouterr().out.splitlines()
    assert len(runs) > 1
    assert last == "no estimate: cifar10 is not here; get it by: tssl data prepare cifar10"
    assert main(["estimate", *cifar]) == 2
    assert "tssl data prepare cifar10" in capsys.readouterr().err
    assert list(root.iterdir()) == []


def test_estimate_and_dry_run_say_what_is_left_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    store = ["--tracking-uri", "off"]
    assert main([*SWEEP, *store, "--limit", "1"]) == 0
    capsys.readouterr()
    assert main([*SWEEP, *store, "--limit", "2", "--dry-run", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    states = [re.search(r"(done|new|new \(beyond --limit\))$", line) for line in lines[:4]]
    assert [state and state[0] for state in states] == ["done", "new", "new", "new (beyond --limit)"]
    assert re.search(r"about \d+ (s|min)( to \d+ (s|min))? for 2 runs", lines[4])
    assert main(["estimate", *SWEEP[1:], *store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:3]].count("ann") == 1
    assert re.search(r"about \d+ (s|min)( to \d+ (s|min))? for 3 runs", lines[3])
    assert len(Runs().files("tiny")) == 1


def test_a_sweep_is_estimated_first_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    quick = [*SWEEP, "--profile", "quick", "--only", "method=ann"]
    assert main([*quick, "--runs", "a", "--tracking-uri", "off"]) == 0
    printed = capsys.readouterr().out
    assert "estimate from steps measured on this machine" in printed
    assert re.search(r"\[1/2\] .*; about \d+ (s|min)( to \d+ (s|min))? left\n\[2/2\] .* s\n", printed)
    for more in (["--no-estimate"], ["--profile", "smoke"]):
        assert main([*quick, *more, "--tracking-uri", "off", "--runs", f"runs {more[-1]}"]) == 0
        assert "estimate from" not in capsys.readouterr().out
