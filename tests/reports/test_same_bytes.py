"""A report is the same from the records, from MLflow and, written again, from its CSV."""

from dataclasses import fields, replace
from pathlib import Path

import pandas as pd

from benchmarks.config.execution import Execution
from benchmarks.study.study import load_study
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Mirror, Runs
from reports.details import DETAILS
from reports.load import results_from_csv, results_from_mlflow, results_from_runs
from reports.render import write_report

METHODS = ("ann", "tssl_bp", "tssl_bp:single-filter")
PLOTS = ("accuracy", "anytime", "latency", "energy", "training", "silent", "spikes", "raster", "confusion")


def test_a_report_from_the_records_from_mlflow_alone_and_again_from_its_csv_is_the_same_byte_for_byte(
    store: str, tmp_path: Path
) -> None:
    runs, mirror = Runs(tmp_path / "runs"), Mirror(store)
    study = load_study("digits", profile="smoke")
    cells = tuple(cell for cell in study.cells if cell.config.method in METHODS)
    run_study(replace(study, cells=cells), Execution(device="cpu"), runs, mirror=mirror)
    folders = [tmp_path / name for name in ("first", "again")]
    results, mirrored = results_from_runs(runs.root, "digits"), results_from_mlflow(store, "digits")
    for field in fields(results):  # all that a report is made of, to the last bit
        if field.name != "study":
            pd.testing.assert_frame_equal(getattr(mirrored, field.name), getattr(results, field.name), check_exact=True)
    write_report(results, folders[0], title="Digits")
    write_report(results_from_csv(folders[0], "digits"), folders[1], title="Digits")
    files = sorted(path.name for path in folders[0].iterdir())
    of_classes = [name for name in DETAILS if name != "output_rasters"]  # which target spike trains have
    tables = [f"{name}.csv" for name in ("results", "epochs", "anytime", *of_classes)]
    plots = [f"digits_{plot}.{kind}" for plot in PLOTS for kind in ("png", "svg")]
    assert files == sorted([*tables, *plots, "tables.json", "report.md", "report.html", "environment.json"])
    for name in files:
        contents = {(folder / name).read_bytes() for folder in folders}
        assert len(contents) == 1, name
    text = (folders[0] / "report.md").read_text()
    for part in (
        "# Digits",
        "## Methods by T",
        "## Accuracy",
        "## Cost against accuracy",
        "ANN (ReLU)",
        "TSSL-BP, single-filter",
        "![Training curves",
        "## Environment",
    ):
        assert part in text
