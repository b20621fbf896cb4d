"""Layers, spike counts, confusions and rasters: the same tables from a store and from CSV, and of old reports none."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.study.study import Study, cell_of
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Runs
from reports.details import DETAILS, details_of, details_that_count
from reports.load import ReportError, Results, results_from_csv, results_from_runs
from tests.reports.made import results_of, run_row
from tests.reports.made_details import layer, with_details

TABLES = ("runs", "epochs", "anytime", *DETAILS)


def test_the_files_of_a_run_become_rows() -> None:
    of_run: dict[str, Any] = {
        "layers": [layer("layer1", 2, 4) | {"spike_counts": (300, 70, 30)}],
        "confusion": ((8, 2), (0, 10)),
        "raster": {"sample": 0, "label": 1, "decision": 0, "layers": [
            {"name": "layer1", "neurons": 300, "shown": (0, 3, 6, 9), "spikes": ("00", "01", "00", "11")},
            {"name": "output", "neurons": 2, "shown": (0, 1), "spikes": ("00", "00")},
        ]},
    }  # fmt: skip
    tables = {name: table.to_numpy().tolist() for name, table in details_of([("key", of_run)]).items()}
    assert tables == {
        "layers": [["key", "layer1", True, 4, 0.75, 0.1, 0.2, 3.0]],
        "histogram": [["key", "layer1", True, spikes, pairs] for spikes, pairs in enumerate((300, 70, 30))],
        "confusion": [["key", 0, 0, 8], ["key", 0, 1, 2], ["key", 1, 1, 10]],
        "output_rasters": [],
        # Silent neurons are left out, but for one that says that the layer is there.
        "raster": [
            ["key", 0, 1, 0, "layer1", 300, 0, "00"],
            ["key", 0, 1, 0, "layer1", 300, 3, "01"],
            ["key", 0, 1, 0, "layer1", 300, 9, "11"],
            ["key", 0, 1, 0, "output", 2, 0, "00"],
        ],
    }


def test_of_a_run_that_was_repeated_the_later_one_counts_and_one_without_a_result_has_none() -> None:
    runs = results_of(run_row(), run_row(seed="1", status="failed")).runs
    finished, failed = runs["run_key"]
    confusions: list[tuple[str, dict[str, Any]]] = [
        (finished, {"confusion": ((1, 0), (0, 1))}),
        (failed, {"confusion": ((5,),)}),
    ]
    later: tuple[str, dict[str, Any]] = (finished, {"confusion": ((2, 0), (0, 0))})
    counting = details_that_count(details_of([*confusions, later, (finished, {})]), runs)["confusion"]
    assert counting.to_numpy().tolist() == [[finished, 0, 0, 2]]


def test_rasters_are_kept_of_the_lowest_seed_of_each_cell() -> None:
    runs = [run_row(seed=seed, time_steps=T) for T in ("2", "5") for seed in ("2", "1")]
    results = with_details(results_of(*runs, run_row(seed="0", status="failed")))
    kept = results.runs.set_index("run_key").loc[results.raster["run_key"].unique()]
    assert sorted(zip(kept["time_steps"], kept["seed"], strict=True)) == [(2, 1), (5, 1)]
    assert set(results.layers["run_key"]) == set(results.finished["run_key"])


def test_details_are_the_same_from_records_and_from_csv(tmp_path: Path) -> None:
    base = {"dataset": "digits", "architecture": "4C3-P2-12", "epochs": 1, "train_samples": 40, "test_samples": 20}
    methods: list[dict[str, Any]] = [{"method": "ann"}, *({"method": "tssl_bp", "seed": seed} for seed in (0, 1))]
    cells = tuple(cell_of(validate_run({**base, **method})) for method in methods)
    study = Study("tiny", "Tiny", "smoke", "tssl sweep tiny", cells)
    run_study(study, Execution(device="cpu"), Runs(tmp_path / "runs"))
    results = results_from_runs(tmp_path / "runs", "tiny")
    assert {name: len(getattr(results, name)) for name in ("layers", "histogram")} == {"layers": 6, "histogram": 36}
    assert results.confusion.groupby("run_key")["count"].sum().tolist() == [20, 20, 20]
    assert results.raster["run_key"].nunique() == 1
    (tmp_path / "report").mkdir()
    results.write(tmp_path / "report")
    again = results_from_csv(tmp_path / "report", "tiny")
    for name in DETAILS:
        pd.testing.assert_frame_equal(getattr(results, name), getattr(again, name), check_dtype=False, obj=name)
    assert set(again.raster["spikes"].str.len()) == {5}


def test_a_report_of_before_details_were_recorded_has_none_and_leaves_no_files(tmp_path: Path) -> None:
    with_details(results_of(run_row())).write(tmp_path)
    results_of(run_row()).write(tmp_path)
    files = ["anytime.csv", "epochs.csv", "results.csv", "tables.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert all(getattr(results_from_csv(tmp_path, "made"), name).empty for name in DETAILS)


@pytest.mark.parametrize("name", DETAILS)
def test_a_file_of_details_without_its_columns_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with_details(results_of(run_row())).write(tmp_path)
    (tmp_path / f"{name}.csv").write_text("run_key,other\nx,1\n")
    (tmp_path / "tables.json").unlink()
    with pytest.raises(ReportError, match=f"{name}.csv lacks the columns"):
        results_from_csv(tmp_path, "made")


def test_ten_thousand_runs_are_read_in_seconds(tmp_path: Path) -> None:
    few = with_details(results_of(*(run_row(seed=str(seed)) for seed in range(10))), sizes={"layer1": 40, "output": 3})
    many = {}
    for name in TABLES:
        table: pd.DataFrame = getattr(few, name)
        copies = pd.concat([table] * 1000, ignore_index=True)
        many[name] = copies.assign(run_key=copies["run_key"] + np.repeat(np.arange(1000), len(table)).astype(str))
    many["runs"]["cell_key"] = np.repeat(np.arange(1000), 10)
    Results("many", **many).write(tmp_path)
    start = time.process_time()
    again = results_from_csv(tmp_path, "many")
    assert time.process_time() - start < 10
    assert len(again.runs) == 10_000
    assert len(again.histogram) == 1000 * len(few.histogram)
    assert again.raster["run_key"].nunique() == 1000
