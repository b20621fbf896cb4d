"""The figure and the table of a search with equal budgets."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.study.tuned import Tuned
from reports.cli import main
from reports.tuning import page_of, tuning_curves, tuning_table, whole_training_table
from tests.reports.made import results_of, run_row

TUNED = Tuned(
    study="tiny",
    command="tssl tune tiny",
    trials=3,
    held_out=1000,
    methods={"ann": {"optimizer": {"learning_rate": 1e-3}}, "stbp": {"parameters": {"decay": 0.5}}},
    accuracies={"ann": [0.5, 0.25, 0.75], "stbp": [math.nan, 0.9, math.nan], "slayer": [math.nan] * 3},
    confirmed={"ann": [0.7, 0.72], "stbp": [math.nan, 0.8]},
)


def test_a_row_a_method_with_its_winner_the_most_accurate_on_the_test_set_first() -> None:
    rows = tuning_table(TUNED).to_dict("records")
    assert [row["method"] for row in rows] == ["STBP", "ANN (ReLU)", "SLAYER-like"]
    assert rows[0] == {
        "method": "STBP",
        "test accuracy": "80.00",
        "n": 1,
        "held out": "90.00",
        "number of the best trial": "2 of 3",
        "trials without a result": 2,
        "settings": "decay = 0.5",
        "minus TSSL-BP, points": "-",
        "after correction": "-",
    }
    assert (rows[1]["test accuracy"], rows[1]["number of the best trial"]) == ("71.00 ± 1.41", "3 of 3")
    assert (rows[2]["test accuracy"], rows[2]["held out"], rows[2]["n"]) == ("-", "-", 0)


def test_differences_are_seed_by_seed_and_called_as_one_family() -> None:
    ours = [0.80, 0.82, 0.81, 0.83, 0.79]
    confirmed = {"tssl_bp": ours, "ann": [value + 0.02 for value in ours], "stbp": [math.nan, 0.70, *ours[2:]]}
    changes = {"confirmed": confirmed, "accuracies": {name: [0.9] for name in confirmed}}
    rows = {row["method"]: row for row in tuning_table(TUNED.model_copy(update=changes)).to_dict("records")}
    words = {name: (row["minus TSSL-BP, points"], row["after correction"]) for name, row in rows.items()}
    assert words["TSSL-BP"] == ("-", "-")
    assert words["ANN (ReLU)"] == ("+2.00 [+2.00, +2.00]", "higher")
    assert words["STBP"] == ("-3.00 [-12.55, +6.55]", "open: 5 seeds are needed")


def test_a_curve_is_the_best_so_far_and_begins_with_the_first_trial_that_has_a_result() -> None:
    (axes,) = tuning_curves(TUNED).axes
    curves = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    assert set(curves) == {"ANN (ReLU)", "STBP"}
    assert np.array_equal(curves["ANN (ReLU)"], [[1, 50], [2, 50], [2, 50], [3, 50], [3, 75]])
    known = np.asarray(curves["STBP"])
    assert np.array_equal(known[~np.isnan(known[:, 1])], [[2, 90], [3, 90], [3, 90]])


def test_the_page_says_how_it_was_made_and_by_how_many_samples() -> None:
    page = page_of(TUNED)
    assert "Made by `tssl tune tiny`. 3 trials of each method, judged by 1,000 samples" in page
    assert "| STBP " in page


def test_winners_that_were_trained_to_the_end_stand_by_their_last_epochs() -> None:
    accuracies = {"stbp": 0.88, "tssl_bp": 0.89, "ann": 0.90}
    runs = [
        run_row(method=name, cell_key=name, seed=str(seed), accuracy_last=value + 0.001 * seed, accuracy_best=0.95)
        for name, value in accuracies.items()
        for seed in range(5)
    ]
    table = whole_training_table(results_of(*runs).finished)
    assert list(table["method"]) == ["ANN (ReLU)", "TSSL-BP", "STBP"]
    assert list(table["n"]) == [5, 5, 5]
    assert list(table["last ten %"]) == ["90.20 ± 0.16", "89.20 ± 0.16", "88.20 ± 0.16"]
    assert list(table["last ten minus TSSL-BP's, points"]) == ["+1.00 [+1.00, +1.00]", "-", "-1.00 [-1.00, -1.00]"]
    assert list(table["after correction"]) == ["higher", "-", "lower"]


def test_the_command_writes_page_and_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--profile", "smoke", "--set", "grid.time_steps=[2]", "--set", "run.architecture=12"]
    arguments = [*small, "--trials", "2", "--seeds", "1", "--tracking-uri", "off", "--output", "out"]
    assert main(["tune", "digits", "--only", "method=ann,stbp", *arguments]) == 0
    assert {path.name for path in Path("out").iterdir()} == {"tuned.toml", "tuning.md", "tuning.png", "tuning.svg"}
