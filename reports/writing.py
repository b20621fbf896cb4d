"""Where a report goes."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.platform.atomic import writing
from reports.load import Results
from reports.render import write_report


def write_results(results: Results, folder: Path, title: str, kernels: pd.DataFrame | None, *, latex: bool) -> None:
    """Write a report and print its path."""
    if kernels is not None:
        results = replace(results, kernels=kernels)
    with writing(folder):
        path = write_report(results, folder, title=title, latex=latex)
    print(f"report: {path.resolve()}")
