"""A tiny study, and all that is logged of it except times."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.tracking import Store

STUDY = """
name = "tiny"
title = "Tiny"

[run]
dataset = "digits"
architecture = "4C3d0.2-P2-20"
epochs = 3
train_samples = 150
test_samples = 60
protocol = "smoke"

[grid]
method = ["tssl_bp", "ann"]
seed = [0, 1]
"""

SWEEP = ["sweep", "tiny.toml", "--profile", "smoke", "--device", "cpu"]

MEASURED_ON_A_CLOCK = ("seconds", "latency", "memory", "per_second")


def write_study() -> None:
    """Put the study into the working folder."""
    Path("tiny.toml").write_text(STUDY)


def numbers_of(store: Store) -> list[tuple[tuple[str, str], ...]]:
    """All that is logged, in any order, except times and memory."""
    runs, epochs = store.rows("tiny")
    rows: Iterator[dict[str, Any]] = iter([*runs, *epochs, *store.anytime_rows("tiny")])
    return sorted(
        tuple((key, str(row[key])) for key in sorted(row) if not any(word in key for word in MEASURED_ON_A_CLOCK))
        for row in rows
    )
