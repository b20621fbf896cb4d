"""Keeping runs: their records, which everything reads, and MLflow, which mirrors them.

Nothing outside this package imports MLflow, and what is here imports it late, so that training works without it.
"""

from benchmarks.defaults import OFF
from benchmarks.tracking.mirror import Mirror
from benchmarks.tracking.record import Record
from benchmarks.tracking.remote import records_in_mlflow
from benchmarks.tracking.rows import (
    CONFIG,
    CONFIG_COLUMNS,
    RUN_COLUMNS,
    anytime_rows,
    config_row,
    epoch_rows,
    run_row,
)
from benchmarks.tracking.runs import MODEL_FOLDER, OpenRecord, Runs

__all__ = [
    "CONFIG",
    "CONFIG_COLUMNS",
    "MODEL_FOLDER",
    "RUN_COLUMNS",
    "TRACKING_OFF",
    "Mirror",
    "OpenRecord",
    "Record",
    "Runs",
    "anytime_rows",
    "config_row",
    "epoch_rows",
    "open_mirror",
    "records_in_mlflow",
    "run_row",
]

TRACKING_OFF = OFF


def open_mirror(uri: str, *, system_metrics: bool = False) -> Mirror | None:
    """Return the mirror at an MLflow tracking URI, or None for ``"off"``.

    Raises
    ------
    TrackingError
        If MLflow is not installed.
    """
    return None if uri == TRACKING_OFF else Mirror(uri, system_metrics=system_metrics)
