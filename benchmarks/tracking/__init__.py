"""Keeping runs: everything that touches MLflow.

Nothing outside this package imports MLflow, and what is here imports it late, so that training works without it.
"""

from pathlib import Path

from benchmarks.tracking.connection import DEFAULT_TRACKING_URI
from benchmarks.tracking.protocol import (
    CONFIG_COLUMNS,
    CURVE,
    DONE,
    RUN_COLUMNS,
    SETTINGS,
    TAG_COLUMNS,
    TRACKING_OFF,
    UNFINISHED,
    NoTracking,
    RunTracker,
    Store,
    Tracker,
    config_row,
)
from benchmarks.tracking.run import MlflowRunTracker
from benchmarks.tracking.store import MlflowTracker, TrackingOptions

__all__ = [
    "CONFIG_COLUMNS",
    "CURVE",
    "DEFAULT_TRACKING_URI",
    "DONE",
    "RUN_COLUMNS",
    "SETTINGS",
    "TAG_COLUMNS",
    "TRACKING_OFF",
    "UNFINISHED",
    "MlflowRunTracker",
    "MlflowTracker",
    "NoTracking",
    "RunTracker",
    "Store",
    "Tracker",
    "TrackingOptions",
    "config_row",
    "open_store",
    "open_tracker",
]


def open_tracker(uri: str, options: TrackingOptions | None = None) -> Tracker:
    """Open the store at `uri`, and send what earlier runs could not; ``"off"`` keeps nothing.

    Raises
    ------
    TrackingError
        If the store cannot be used.
    """
    if uri == TRACKING_OFF:
        return NoTracking()
    store = open_store(uri, options)
    if isinstance(store, MlflowTracker):
        store.replay()
    return store


def open_store(uri: str, options: TrackingOptions | None = None) -> Store:
    """Open the store at `uri`: a folder of JSON files if it begins with ``json:``, else MLflow's.

    Raises
    ------
    TrackingError
        If the store cannot be used.
    """
    # It takes names from this module.
    from benchmarks.file_tracking import JSON, JsonTracker

    return JsonTracker(Path(uri.removeprefix(JSON))) if uri.startswith(JSON) else MlflowTracker(uri, options)
