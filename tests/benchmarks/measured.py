"""What two runs of one configuration may differ in: what a clock or the memory of the machine says."""

from dataclasses import asdict
from typing import Any

from benchmarks.metrics.metric import metric_columns
from benchmarks.results import EpochResult, RunResult

MEASURED = {"train_seconds", "test_seconds", *(column.name for column in metric_columns() if column.varies)}
"""Columns of rows and names of metrics."""


def computed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the rest of a row."""
    return {key: value for key, value in row.items() if key not in MEASURED}


def computed_in(record: EpochResult | RunResult) -> dict[str, Any]:
    """Return the rest of a record."""
    if isinstance(record, EpochResult):
        return computed(asdict(record))
    return {**computed(dict(record.measures)), **record.tables}
