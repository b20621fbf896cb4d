"""Cells of a study: runs that differ in nothing but the seed."""

import pandas as pd

from reports.statistics import exact_interval

TERMS = ["dataset", "architecture", "protocol", "epochs", "train_samples", "test_samples", "evaluate_on"]
"""What runs must have in common for a comparison to be fair."""

CELL = [*TERMS, "method", "time_steps", "cell_key"]
"""What the runs of one cell have in common; the key is of the whole configuration but the seed."""


PROBLEM = ["dataset", "architecture", "time_steps", "patterns"]
"""What runs have in common that are after the same kind of target spike trains."""

KEY_LENGTH = 6
"""So much of a cell's key is shown where cells have to be told apart by it."""


def mean_and_std(values: pd.Series) -> tuple[float, float | None]:
    """Mean and standard deviation (n - 1) of what is there; no deviation of a single value."""
    std = values.std()
    return float(values.mean()), None if pd.isna(std) else float(std)


def precision_of(*cells: pd.DataFrame) -> str:
    """What convolutions and matrix products of some runs were computed in; several, if it was not the same in all."""
    return ", ".join(sorted({str(name) for runs in cells for name in runs["precision"]}))


def percent(values: pd.Series) -> str:
    """``89.75 ± 0.03`` for fractions, or the mean alone where there is no standard deviation."""
    mean, std = mean_and_std(values)
    # Decimal fractions are not exact: a mean such as 89.015 is to read the same whatever the order of its sum.
    return f"{round(100 * mean, 9):.2f}" + ("" if std is None else f" ± {round(100 * std, 9):.2f}")


def count_in_words(values: pd.Series) -> str:
    """``13 of 18 [47, 90] %`` values that are there, with the exact interval of the probability behind them."""
    there, n = int(values.notna().sum()), len(values)
    low, high = exact_interval(there, n)
    return f"{there} of {n} [{100 * low:.0f}, {100 * high:.0f}] %"


def on_equal_terms(runs: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Those of some runs that have the terms of `like`, which all has the same."""
    terms = like[TERMS].drop_duplicates()
    return runs.merge(terms, on=TERMS, how="inner")  # it holds missing values for equal
