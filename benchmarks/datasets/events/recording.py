"""Recordings of an event camera in the 40-bit format of N-MNIST.

An event is five bytes: x, y, and 24 bits of which the first is the polarity and the rest the time in microseconds.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.sources.needed import needed
from benchmarks.errors import DatasetError

SENSOR = 34
"""Width and height of N-MNIST's recordings, in pixels."""

LAST_TIME = 2**23 - 1
"""Largest time that fits, in microseconds."""

MOST_EVENTS = 1_000_000
"""Far more than any recording of N-MNIST has; so many take 40 MB of memory."""

EVENT = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])
"""An event as tonic has it: column, row, time in microseconds, polarity 0 (OFF) or 1 (ON)."""

BYTES = 5

Events = NDArray[np.void]
"""Array of `EVENT`, in order of time."""


def read_events(path: Path) -> Events:
    """Read a recording, by tonic.

    Parameters
    ----------
    path : Path
        File of 40-bit events.

    Returns
    -------
    Events
        ``[n]``, at least one.

    Raises
    ------
    DatasetError
        If the file cannot be read, is empty or cut, or has events outside the sensor or out of order; names it.
    """
    try:
        size = path.stat().st_size
        if not size or size % BYTES:
            raise DatasetError(
                f"{path} has {size:,} bytes; expected a positive multiple of {BYTES}, one for each event: it is empty "
                f"or was cut; delete it and prepare the dataset again"
            )
        if size > BYTES * MOST_EVENTS:
            raise DatasetError(
                f"{path} has {size // BYTES:,} events; expected at most {MOST_EVENTS:,}: it is no recording of "
                "N-MNIST; delete it and prepare the dataset again"
            )
        events: Events = needed("tonic.io", package="tonic").read_mnist_file(str(path), dtype=EVENT)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    largest = max(events["x"].max(), events["y"].max()) if len(events) else SENSOR
    if largest >= SENSOR or (np.diff(events["t"]) < 0).any():
        what = f"a pixel {largest}, expected 0 to {SENSOR - 1}" if largest >= SENSOR else "times that run backwards"
        raise DatasetError(f"{path} has {what}: it is no recording of N-MNIST; delete it and prepare the dataset again")
    return events


def encode_events(events: Events) -> bytes:
    """Return the 40-bit form of events.

    Raises
    ------
    ValueError
        If a value does not fit into its bits.
    """
    x, y, t, p = (events[name] for name in ("x", "y", "t", "p"))
    for name, values, limit in (("x", x, SENSOR - 1), ("y", y, SENSOR - 1), ("t", t, LAST_TIME), ("p", p, 1)):
        if len(values) and not 0 <= values.min() <= values.max() <= limit:
            raise ValueError(f"{name} is from {values.min()} to {values.max()}; expected 0 to {limit}")
    columns = (x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255)
    return np.stack(columns, axis=1).astype(np.uint8).tobytes()


def make_events(x: NDArray[np.int64], y: NDArray[np.int64], t: NDArray[np.int64], p: NDArray[np.int64]) -> Events:
    """Put columns together and in order of time; equal times keep their order."""
    order = np.argsort(t, kind="stable")
    structured = needed("tonic.io", package="tonic").make_structured_array
    events: Events = structured(x[order], y[order], t[order], p[order], dtype=EVENT)
    return events
