"""What recordings have in common, as a table: ``python -m benchmarks.datasets.events.statistics PLACE ...``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.datasets.events.frames import SACCADES, saccades_of
from benchmarks.datasets.events.recording import SENSOR, Events, read_events
from benchmarks.errors import DatasetError

MICROSECONDS = 1000
"""Of a millisecond."""


def statistics(events: Events) -> dict[str, float]:
    """Describe a recording by numbers.

    Parameters
    ----------
    events : Events
        At least one.

    Returns
    -------
    dict
        By name, with the unit in it.
    """
    pixels = events["y"] * SENSOR + events["x"]
    order = np.lexsort((events["t"], pixels))
    same_pixel = np.diff(pixels[order]) == 0
    same_polarity = np.diff(events["p"][order])[same_pixel] == 0
    gaps = np.diff(events["t"][order])[same_pixel][same_polarity] / MICROSECONDS
    share = np.bincount(saccades_of(events), minlength=len(SACCADES)) / len(events)
    found: dict[str, float] = {
        "events": len(events),
        "ON events": int(events["p"].sum()),
        "OFF events": int((1 - events["p"]).sum()),
        "ON, %": 100 * float(events["p"].mean()),
        "last event, ms": float(events["t"].max()) / MICROSECONDS,
        "active pixels": len(np.unique(pixels)),
    }
    found |= {f"in saccade {number}, %": 100 * value for number, value in enumerate(share.tolist(), start=1)}
    if len(gaps):
        quarters = np.percentile(gaps, [5, 25, 50, 75])
        found |= {
            f"gap of one pixel and polarity, {name}, ms": float(value)
            for name, value in zip(("5 %", "quartile", "median", "third quartile"), quarters, strict=True)
        }
    return found


def statistics_of_many(paths: Sequence[Path]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation (n - 1) of each number over recordings that have it; 0 for a single one."""
    rows = [statistics(read_events(path)) for path in paths]
    summary = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = np.array([row[name] for row in rows if name in row])
        summary[name] = (float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0)
    return summary


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, a column for each file or folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="a recording, or a folder that is searched for *.bin")
    parser.add_argument(
        "--first", type=int, default=1000, help="recordings of a folder, by name (default: %(default)s)"
    )
    parsed = parser.parse_args(arguments)
    columns = {}
    for path in parsed.paths:
        files = sorted(path.rglob("*.bin"), key=lambda file: file.name)[: parsed.first] if path.is_dir() else [path]
        if not files:
            parser.error(f"{path} has no recordings (*.bin)")
        try:
            columns[f"{path.name} (n = {len(files)})"] = statistics_of_many(files)
        except DatasetError as error:
            parser.error(str(error))
    names = dict.fromkeys(name for column in columns.values() for name in column)
    table = [[name, *(_cell(column.get(name)) for column in columns.values())] for name in names]
    print(tabulate(table, headers=["", *columns], tablefmt="github", disable_numparse=True))


def _cell(value: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    mean, deviation = value
    return f"{mean:.4g}" + (f" ± {deviation:.3g}" if deviation else "")


if __name__ == "__main__":
    main()
