"""Reports of several stores and earlier reports together, and of some of their runs."""

from pathlib import Path

import pytest

from benchmarks.errors import TrackingError
from reports.cli import main
from reports.combining import combined
from reports.load import ReportError, results_from_csv
from reports.selection import filter_runs, results_at
from tests.reports.made import results_of, run_row


def test_of_a_configuration_in_several_places_the_last_finished_run_counts_with_its_own_epochs() -> None:
    here, failed = run_row(seed="0"), run_row(seed="1", status="failed")
    elsewhere = [run_row(seed="0", accuracy_best=0.7), run_row(seed="1", accuracy_best=0.6)]
    first, second = results_of(here, failed), results_of(*elsewhere)
    both = combined([first, second])
    assert both.finished["accuracy_best"].tolist() == [0.7, 0.6]
    assert combined([second, first]).finished["accuracy_best"].tolist() == [here["accuracy_best"], 0.6]
    assert len(both.epochs) == len(second.epochs)
    assert set(both.epochs["run_key"]) == set(both.runs["run_key"])


def test_runs_are_chosen_by_a_column_and_a_method_stands_for_its_presets() -> None:
    names = ("tssl_bp", "tssl_bp:single-filter", "stbp")
    results = results_of(*(run_row(method=name, seed=str(seed)) for seed, name in enumerate(names)))
    assert filter_runs(results, "method=tssl_bp").runs["method"].tolist() == ["tssl_bp", "tssl_bp:single-filter"]
    assert filter_runs(results, "method=tssl_bp:single-filter,stbp").runs["method"].tolist() == ["stbp", names[1]]
    third = filter_runs(results, "seed=2")
    assert third.runs["method"].tolist() == ["stbp"]
    assert set(third.epochs["run_key"]) == set(third.anytime["run_key"]) == set(third.runs["run_key"])
    refused = {"method": "COLUMN=VALUE", "colour=red": "run_key", "method=ann": "there are stbp, tssl_bp"}
    for condition, told in refused.items():
        with pytest.raises(ReportError, match=told):
            filter_runs(results, condition)


def test_a_report_takes_up_another_report_and_refuses_a_place_without_one(tmp_path: Path) -> None:
    for name, seed in (("one", "0"), ("other", "1")):
        (tmp_path / name).mkdir()
        results_of(run_row(seed=seed)).write(tmp_path / name)
    command = ["report", "mine", "--from-csv", str(tmp_path / "one"), "--output", str(tmp_path / "both")]
    assert main([*command, "--also", str(tmp_path / "other"), "--only", "method=tssl_bp"]) == 0
    assert results_from_csv(tmp_path / "both", "mine").finished["seed"].tolist() == [0, 1]
    with pytest.raises(TrackingError, match="no study 'mine' in "):
        results_at(str(tmp_path), "mine")
    with pytest.raises(
        ReportError, match=r"no results.csv in .*nothing; expected the folder of a report or of records"
    ):
        results_at(str(tmp_path / "nothing"), "mine")
