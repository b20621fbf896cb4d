"""A tiny study, and all that is logged of it except times."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.tracking import Record, epoch_rows, run_row
from tests.benchmarks.measured import computed

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


def write_study() -> None:
    """Put the study into the working folder."""
    Path("tiny.toml").write_text(STUDY)


def numbers_of(records: Iterable[Record]) -> list[tuple[tuple[str, str], ...]]:
    """All that records have, in any order, but for what is measured and the command."""
    rows = [row for record in records for row in (run_row(record), *epoch_rows(record), dict(record.tables))]
    return sorted(
        tuple((key, str(value)) for key, value in sorted(computed(row).items()) if key != "command") for row in rows
    )
