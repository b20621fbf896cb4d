"""Where a report goes, and what is said when it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd

from reports.load import ReportError, Results
from reports.render import write_report


def write_results(results: Results, folder: Path, title: str, kernels: pd.DataFrame | None, *, latex: bool) -> None:
    """Write a report and print its path."""
    if kernels is not None:
        results = replace(results, kernels=kernels)
    with writing(folder):
        path = write_report(results, folder, title=title, latex=latex)
    print(f"report: {path.resolve()}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in a line that something cannot be written; what it was made from is still there."""
    try:
        yield
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error}; choose another --output, no run is lost") from error
