"""Reports on target spike trains: tables of their own, differences seed by seed, no accuracy where there is none."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.tracking import RUN_COLUMNS
from reports.details import details_of
from reports.load import results_from_csv, results_from_runs
from reports.render import write_report
from reports.tables import sequence_difference_table, sequence_summary, sequence_table


def run(method: str, seed: int, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(RUN_COLUMNS)
    row |= {"dataset": "spike_patterns", "architecture": "100", "time_steps": 20, "epochs": 5, "protocol": "quick"}
    row |= {"method": method, "seed": seed, "cell_key": method, "patterns": 4.0, "exact_match": 0.0}
    return {**row, "exact_trains": 0.5, "van_rossum": 1.0, "count_error": 0.0, "victor_purpura": 1.0, **values}


def some_runs() -> pd.DataFrame:
    near = [run("stbp", seed, van_rossum=0.2 + seed / 10, exact_trains=0.75, steps_to_exact=40.0) for seed in range(3)]
    far = [run("tssl_bp:single-filter", seed, van_rossum=1.0 + seed / 10, spike_recall=0.25) for seed in range(3)]
    return pd.DataFrame([*far, *near])


def test_the_nearest_come_first_and_what_was_not_measured_is_no_number() -> None:
    table = sequence_table(some_runs())
    assert table["method"].tolist() == ["STBP", "TSSL-BP, single-filter"]
    assert table["van Rossum"].tolist() == ["0.3 ± 0.1", "1.1 ± 0.1"]
    assert table["all exact"].tolist() == ["3 of 3 [29, 100] %", "0 of 3 [0, 71] %"]
    assert table["recall %"].tolist() == ["-", "25.00 ± 0.00"]
    assert "recognised %" not in table
    assert "precision %" not in table


def test_the_summary_counts_exact_runs_over_all_problems_of_a_kind_and_leaves_gaps() -> None:
    single = [run("stbp", seed, patterns=1.0, steps_to_exact=None if seed else 20.0) for seed in range(2)]
    picture = run("stbp", 0, dataset="raster_image", patterns=1.0, van_rossum=0.5)
    table = sequence_summary(pd.concat([some_runs(), pd.DataFrame([*single, picture])], ignore_index=True))
    assert table.set_index("method").to_dict("index") == {
        "STBP": {
            "one pattern, all exact": "1 of 2 [1, 99] %",
            "several patterns, all exact": "3 of 3 [29, 100] %",
            "picture, van Rossum": "0.5",
        },
        "TSSL-BP, single-filter": {
            "one pattern, all exact": "-",
            "several patterns, all exact": "0 of 3 [0, 71] %",
            "picture, van Rossum": "-",
        },
    }


def test_differences_are_of_equal_seeds_on_equal_targets() -> None:
    other = run("stbp", 0, patterns=16.0)
    table = sequence_difference_table(pd.concat([some_runs(), pd.DataFrame([other])]))
    assert table["method"].tolist() == ["STBP"]
    assert table["van Rossum"].tolist() == ["-0.80 [-0.80, -0.80]"]
    assert table["exact trains, points"].tolist() == ["+25.00 [+25.00, +25.00]"]


def test_pictures_are_read_back_a_row_a_spike_with_the_target_once() -> None:
    def raster(epoch: int, *output: str) -> dict[str, Any]:
        return {"epoch": epoch, "sample": 0, "output": output, "target": ("010", "001")}

    content = {"output_rasters": [raster(1, "000", "101"), raster(4, "010", "001")]}
    table = details_of([("a", content)])["output_rasters"]
    assert table.drop(columns=["run_key", "sample"]).to_numpy().tolist() == [
        [0, "target", 0, 1],
        [0, "target", 1, 2],
        [1, "output", 1, 0],
        [1, "output", 1, 2],
        [4, "output", 0, 1],
        [4, "output", 1, 2],
    ]


STUDY = """
name = "spikes"
title = "Spikes"

[run]
dataset = "spike_patterns"
architecture = "10"
time_steps = 12
epochs = 2
dataset_parameters = { passes = 2, inputs = 20, outputs = 2 }

[grid]
method = ["tssl_bp:single-filter", "stbp", "ann"]
"""


def test_a_study_of_target_trains_has_a_report_and_the_same_again_from_its_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.cli.main import main

    monkeypatch.chdir(tmp_path)
    Path("spikes.toml").write_text(STUDY)
    assert main(["sweep", "spikes.toml", "--device", "cpu", "--tracking-uri", "off", "--profile", "smoke"]) == 0
    results = results_from_runs(Path("runs"), "spikes")
    text = write_report(results, tmp_path / "report", title="Spikes").read_text()
    assert "## Target spike trains" in text
    assert "## Differences from TSSL-BP, single-filter" in text
    assert "the ReLU network takes images" in text
    assert "## Accuracy" not in text
    again = results_from_csv(tmp_path / "report", "spikes")
    assert len(again.output_rasters) > 0
    assert write_report(again, tmp_path / "again", title="Spikes").read_text() == text
