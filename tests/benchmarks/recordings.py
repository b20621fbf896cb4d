"""Small stand-ins for recordings of an event camera."""

from pathlib import Path

import numpy as np

from benchmarks.datasets.events.recording import Events, encode_events, make_events

SAMPLE = Path("nmnist_sample") / "sample_nmnist.bin"
"""The one real recording, where it lies under the data root."""


def events_of(*rows: tuple[int, int, int, int]) -> Events:
    """Events from rows of x, y, t, p."""
    x, y, t, p = np.array(rows, np.int64).reshape(-1, 4).T
    return make_events(x, y, t, p)


def random_events(seed: int, count: int = 300) -> Events:
    draw = np.random.default_rng(seed)
    x, y = draw.integers(34, size=(2, count))
    return make_events(x, y, draw.integers(315_000, size=count), draw.integers(2, size=count))


def write_tree(folder: Path, *, train: int = 40, test: int = 20) -> None:
    """Write random recordings of all digits in turn, in N-MNIST's folders."""
    for part, count, first in (("Train", train, 0), ("Test", test, 1000)):
        for number in range(1, count + 1):
            path = folder / part / str((7 * number) % 10) / f"{number:05}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_events(random_events(first + number)))
