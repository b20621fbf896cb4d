"""What two runs of one configuration may differ in: what a clock or the memory of the machine says."""

from dataclasses import asdict, fields
from typing import Any

from benchmarks.metrics import CONVERGENCE_COLUMNS, Latency, PeakMemory, Throughput
from benchmarks.results import EpochResult, RunResult

MEASURED = {
    *("train_seconds", "test_seconds", "training_seconds"),
    *(field.name for group in (Latency, Throughput, PeakMemory) for field in fields(group)),
    "seconds_to_exact",
    *(name for name in CONVERGENCE_COLUMNS if name.startswith("seconds")),
}
"""Columns of rows and names of metrics."""


def computed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the rest of a row."""
    return {key: value for key, value in row.items() if key not in MEASURED}


def computed_in(record: EpochResult | RunResult) -> dict[str, Any]:
    """Return the rest of a record."""
    if isinstance(record, EpochResult):
        return computed(asdict(record))
    return {**computed(record.metrics()), **record.tables(), "accuracy_at_step": record.accuracy_at_step}
