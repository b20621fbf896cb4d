"""A tiny study, and all that is logged of it except times."""

from pathlib import Path

from benchmarks.tracking import Store
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


def numbers_of(store: Store) -> list[tuple[tuple[str, str], ...]]:
    """All that is logged, in any order, but for what is measured and the command; as text, as MLflow has parameters."""
    runs, epochs = store.rows("tiny")
    tables = [{"run_key": key, **tables} for key, tables in store.tables("tiny")]
    rows = [*runs, *epochs, *store.anytime_rows("tiny"), *tables]
    return sorted(
        tuple((key, str(value)) for key, value in sorted(computed(row).items()) if key != "command") for row in rows
    )
