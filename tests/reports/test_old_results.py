"""Reports of before a number was measured can still be read."""

from pathlib import Path

import pandas as pd

from benchmarks.tracking.rows import METRIC_COLUMNS
from reports.load import RUNS_FILE, results_from_csv
from reports.manifest import MANIFEST_FILE
from tests.reports.made import results_of, run_row

BEFORE = ("accuracy_last", "accuracy_best", "silent_fraction", "latency_ms", "training_seconds")


def test_numbers_that_an_older_report_lacks_are_missing_and_not_zero(tmp_path: Path) -> None:
    results_of(run_row(synops=5.0)).write(tmp_path)
    (tmp_path / MANIFEST_FILE).unlink()
    table = pd.read_csv(tmp_path / RUNS_FILE)
    table.drop(columns=[name for name in METRIC_COLUMNS if name not in BEFORE]).to_csv(tmp_path / RUNS_FILE)
    runs = results_from_csv(tmp_path, "made").runs
    assert runs["latency_ms"].tolist() == [0.5]
    assert runs[[name for name in METRIC_COLUMNS if name not in BEFORE]].isna().all().all()
