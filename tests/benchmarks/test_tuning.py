"""Equal searches: where they look, that they never see the test set, and that a study takes up what was found."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.method import available_methods
from baselines.search import LEARNING_RATE, Choice, Range, Space
from benchmarks.cli.main import main
from benchmarks.cli.parser import add_commands
from benchmarks.cli.tune_options import add_tune
from benchmarks.config.nested import flatten
from benchmarks.config.run import validate_run
from benchmarks.errors import ConfigError
from benchmarks.study.study import load_study
from benchmarks.study.tuned import Tuned, best_so_far, best_trial, read_tuned
from benchmarks.study.tuning import base_of_each_method, confirmations, draw_settings, space_of, trials_of
from benchmarks.tracking import Record, Runs
from tssl_core import ParameterError

STUDY = """
name = "tiny"
title = "Tiny"
[run]
dataset = "digits"
architecture = "20"
epochs = 2
train_samples = 200
test_samples = 60
time_steps = 3
[grid]
method = ["ann", "stbp"]
seed = [3, 4]
"""
TUNE = ["tune", "tiny.toml", "--profile", "smoke", "--trials", "3", "--seeds", "2", "--threads", "1"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(STUDY)


def tuned_by(*more: str) -> int:
    return main([*TUNE, "--tracking-uri", "off", *more], add=(add_commands, add_tune))


def test_a_range_is_even_in_ratios_or_in_differences_and_a_choice_in_its_values() -> None:
    assert [Range(1e-4, 1e-2).at(place) for place in (0, 0.5, 1)] == [1e-4, 1e-3, 1e-2]
    assert [Range(0, 4, log=False).at(place) for place in (0, 0.25, 1)] == [0, 1, 4]
    assert Range(1, 2).at(0.123456) == 1.09
    assert [Choice((4, 8)).at(place) for place in (0, 0.49, 0.5, 0.99, 1)] == [4, 4, 8, 8, 8]
    for low, high in ((2, 1), (0, 1), (1, 1)):
        with pytest.raises(ParameterError, match="expected ascending bounds, above 0 if log"):
            Range(low, high)


@given(place=st.floats(0, 1))
def test_a_draw_is_never_beyond_its_bounds(place: float) -> None:
    for values in (LEARNING_RATE, Range(0.15, 3), Range(0, 0.9, log=False)):
        assert values.low <= values.at(place) <= values.high


@pytest.mark.parametrize("name", available_methods())
def test_a_method_declares_few_parameters_that_it_has_everywhere_and_its_default_is_among_them(name: str) -> None:
    run = {"dataset": "digits", "method": name, "architecture": "20", "epochs": 1}
    space, default = available_methods()[name].search_space, dict(flatten(validate_run(run).parameters))
    assert len(space) <= 3, "beside the learning rate, so that equal budgets are equal chances"
    assert space.keys() <= default.keys()
    for key, values in space.items():
        own = default[key]
        assert own in values.values if isinstance(values, Choice) else values.low <= own <= values.high, key
    for place in (0.0, 0.5, 1.0):
        parameters: dict[str, Any] = {}
        for key, values in space.items():
            table = parameters
            *tables, last = key.split(".")
            for part in tables:
                table = table.setdefault(part, {})
            table[last] = values.at(place)
        assert dict(flatten(validate_run({**run, "parameters": parameters}).parameters)).keys() == default.keys()


def test_draws_fill_the_space_evenly_and_more_of_them_begin_with_the_same() -> None:
    space = {"a": Range(0, 1, log=False), "b": Range(0, 1, log=False)}
    draws = list(draw_settings(space, 16))
    assert list(draw_settings(space, 24))[:16] == draws
    for key in space:  # one in each sixteenth
        assert sorted(int(draw[key] * 16) for draw in draws) == pytest.approx(range(16), abs=1)
    assert len({(draw["a"] < 0.5, draw["b"] < 0.5) for draw in draws[:4]}) == 4
    assert all(draw.keys() == {"optimizer", "parameters"} for draw in draw_settings(space_of("stbp"), 3))


def test_trials_are_the_studys_run_with_one_seed_and_held_out_samples_in_the_place_of_the_test_set() -> None:
    bases = base_of_each_method(load_study("tiny.toml", profile="smoke"))
    trials = trials_of(bases["stbp"], 5, held_out=30)
    assert len({trial.cell.config.run_key for trial in trials}) == 5
    for trial in trials:
        config = trial.cell.config
        assert (config.evaluate_on, config.held_out, config.seed, config.epochs) == ("held_out", 30, 3, 2)
        assert config.parameters["threshold"] == trial.settings["parameters"]["threshold"]
        assert config.optimizer.learning_rate == trial.settings["optimizer"]["learning_rate"]
    confirmed = [cell.config for cell in confirmations(bases["stbp"], trials[1].settings, held_out=30, seeds=2)]
    assert [config.seed for config in confirmed] == [4, 5]
    assert {(config.evaluate_on, config.held_out) for config in confirmed} == {("test", 30)}
    assert {config.parameters["threshold"] for config in confirmed} == {trials[1].settings["parameters"]["threshold"]}


def test_a_study_of_several_cells_a_method_or_without_classes_is_refused_with_what_to_do() -> None:
    several = load_study("tiny.toml", profile="smoke", overrides=["grid.time_steps=[2, 5]"])
    with pytest.raises(ConfigError, match=r"stbp has several cells .* T = 2 and 5; .*--set 'grid.time_steps"):
        base_of_each_method(several)
    with pytest.raises(ConfigError, match="spike_patterns has no classes"):
        base_of_each_method(load_study("tiny.toml", profile="smoke", overrides=["run.dataset=spike_patterns"]))


def test_the_best_trial_is_the_first_of_the_best_and_what_has_no_result_is_none() -> None:
    assert best_trial([0.2, 0.7, math.nan, 0.7]) == 1
    assert best_trial([math.nan, 0.0]) == 1
    assert best_trial([math.nan, math.nan]) is None
    assert best_so_far([0.2, 0.1, math.nan, 0.3]) == [0.2, 0.2, 0.2, 0.3]
    later = best_so_far([math.nan, 0.5])
    assert math.isnan(later[0])
    assert later[1] == 0.5


def test_what_was_found_survives_the_way_through_its_file(tmp_path: Path) -> None:
    tuned = Tuned(
        study="tiny",
        command="tssl tune --set 'grid.method=[\"ann\"]'",
        trials=2,
        held_out=30,
        methods={
            "ann": {"optimizer": {"learning_rate": 1e-3}},
            "stbp:classic": {"parameters": {"decay": 0.5}},
        },
        accuracies={"ann": [0.5, 0.25], "stbp:classic": [math.nan, 0.75]},
        confirmed={"ann": [0.5], "stbp:classic": [math.nan]},
    )
    path = tmp_path / "tuned.toml"
    path.write_text(tuned.to_toml())
    again = read_tuned(path)
    assert math.isnan(again.accuracies["stbp:classic"][0])
    assert again.to_toml() == tuned.to_toml()
    assert again.methods == tuned.methods


def records(study: str) -> list[Record]:
    return Runs().records(study)


def test_a_search_ends_in_a_file_that_a_study_names_and_goes_on_without_a_run_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tuned_by() == 0
    trials, confirmed = records("tiny-tuning"), records("tiny-tuned")
    assert (len(trials), len(confirmed)) == (2 * 3, 2 * 2)
    # A sixth of the 200 samples; the test set was never looked at before the winners were chosen.
    assert {(record.config["evaluate_on"], record.config["held_out"]) for record in trials} == {("held_out", 33)}
    assert {record.config["seed"] for record in confirmed} == {4, 5}
    assert max(record.ended or math.inf for record in trials) <= min(record.started for record in confirmed)
    tuned = read_tuned(Path("results/tiny-tuning/tuned.toml"))
    for name in ("ann", "stbp"):
        of_method = [record for record in trials if record.config["method"] == name]
        best = max(of_method, key=lambda record: record.measures["accuracy_last"])
        assert tuned.methods[name]["optimizer"]["learning_rate"] == best.config["optimizer"]["learning_rate"]
        assert sorted(tuned.accuracies[name]) == sorted(record.measures["accuracy_last"] for record in of_method)
        winners = [record for record in confirmed if record.config["method"] == name]
        assert sorted(tuned.confirmed[name]) == sorted(record.measures["accuracy_last"] for record in winners)
    Path("best.toml").write_text('tuned = "results/tiny-tuning/tuned.toml"\n' + STUDY)
    for cell in load_study("best.toml", profile="smoke").cells:
        assert cell.config.optimizer.learning_rate == tuned.methods[cell.config.method]["optimizer"]["learning_rate"]
        assert cell.config.protocol == "tuned", "or it would be compared with runs of other settings"
    capsys.readouterr()
    assert tuned_by() == 0
    assert {record.started for record in records("tiny-tuning")} == {record.started for record in trials}
    printed = capsys.readouterr().out
    assert "6 of 6 runs are already there" in printed
    assert "2 fresh seeds" in printed


def test_a_search_that_was_cut_off_chooses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuned_by("--limit", "4") == 1
    assert "not all trials have ended" in capsys.readouterr().out
    assert not Path("results/tiny-tuning/tuned.toml").exists()
    assert not records("tiny-tuned")
    assert tuned_by() == 0


def test_a_trial_that_diverges_is_a_trial_without_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"ann": (1e30, 2e-3, 1e-3), "qcfs": (1e30, 1e30, 1e30)}

    def settings(space: Space, trials: int) -> Iterator[dict[str, Any]]:
        del trials
        method = "qcfs" if len(space) > 1 else "ann"
        return ({"optimizer": {"learning_rate": rate, "grad_clip": 0.0}} for rate in rates[method])

    monkeypatch.setattr("benchmarks.study.tuning.draw_settings", settings)
    assert tuned_by("--set", 'grid.method=["ann", "qcfs"]') == 1
    tuned = read_tuned(Path("results/tiny-tuning/tuned.toml"))
    assert [math.isnan(accuracy) for accuracy in tuned.accuracies["ann"]] == [True, False, False]
    assert all(map(math.isnan, tuned.accuracies["qcfs"]))
    assert tuned.methods.keys() == {"ann"}
    assert {record.config["method"] for record in records("tiny-tuned")} == {"ann"}


def test_nothing_is_confirmed_where_no_trial_has_a_result() -> None:
    nowhere = "run.optimizer={grad_clip=0.0, weight_decay=1e30}"
    assert tuned_by("--only", "method=ann", "--set", nowhere) == 1
    assert not Path("results/tiny-tuning/tuned.toml").exists(), "where there may be one of before"
    assert not records("tiny-tuned")


def test_a_dry_run_fetches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("tiny.toml").write_text(STUDY.replace("digits", "mnist"))
    assert tuned_by("--dry-run", "--data-root", str(tmp_path / "nowhere")) == 2
    assert "mnist is not here, of which one in 6 samples is held out; get it by:" in capsys.readouterr().err
    assert tuned_by("--dry-run", "--data-root", str(tmp_path / "nowhere"), "--held-out", "20") == 0


def test_a_folder_that_cannot_be_written_is_refused_before_any_trial(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    assert tuned_by("--output", "file/here") == 2
    assert "cannot write file/here" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_command_of_a_search_has_all_that_it_depends_on() -> None:
    assert tuned_by("--only", "method=ann", "--held-out", "20") == 0
    command = read_tuned(Path("results/tiny-tuning/tuned.toml")).command
    assert command == (
        "tssl tune tiny.toml --profile smoke --threads 1 --only method=ann --trials 3 --seeds 2 --held-out 20"
    )


def test_a_dry_run_lists_the_trials_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuned_by("--dry-run") == 0
    assert capsys.readouterr().out.count(" of 3, 2 epochs") == 6
    assert not Path("results").exists()
