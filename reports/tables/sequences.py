"""Target spike trains: how near outputs came to them, and what a part of the gradient does for that."""

from collections.abc import Callable

import pandas as pd

from reports.cells import PROBLEM, count_in_words
from reports.statistics import paired_difference
from reports.tables.cells import NOTHING, about, cells_of, number, share, without_constant, without_empty
from reports.titles import learns_random_trains, method_title

EQUAL_PROBLEM = [*PROBLEM, "protocol", "epochs"]
"""What runs must have in common for their outputs to be after the same targets, as long."""

REFERENCE = "tssl_bp:single-filter"
"""The gradient as it is, with the target that all other methods have."""


COLUMNS: dict[str, tuple[str, Callable[[pd.Series], str]]] = {
    "all exact": ("steps_to_exact", count_in_words),
    "exact outputs %": ("exact_match", share),
    "exact trains %": ("exact_trains", share),
    "van Rossum": ("van_rossum", number),
    "Victor-Purpura": ("victor_purpura", number),
    "precision %": ("spike_precision", share),
    "recall %": ("spike_recall", share),
    "count error": ("count_error", number),
    "recognised %": ("accuracy_last", share),
}
"""Columns of the table: the metric behind each, and how it is printed."""


def sequence_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Outputs and targets of each cell after the last epoch, nearest first among those with the same targets.

    Parameters
    ----------
    finished : DataFrame
        Finished runs with target spike trains.
    """
    rows = []
    for what, runs in cells_of(finished):
        values = {title: show(runs[metric]) for title, (metric, show) in COLUMNS.items()}
        first = runs.iloc[0]
        patterns = f"{first['patterns']:.0f}"
        order = [*(first[key] for key in EQUAL_PROBLEM), runs["van_rossum"].mean()]
        row: dict[str, object] = {**what, "settings": NOTHING, "patterns": patterns, **values}
        rows.append((row, order))
    rows.sort(key=lambda row: row[1])
    table = without_empty(pd.DataFrame([row for row, _ in rows]))
    return without_constant(table, ("dataset", "profile", "epochs"))


def sequence_summary(finished: pd.DataFrame) -> pd.DataFrame:
    """How each method did on all problems of a kind together, the most often exact first.

    Parameters
    ----------
    finished : DataFrame
        Finished runs with target spike trains.
    """
    single, random = finished["patterns"] == 1, learns_random_trains(finished)
    recognised = finished["accuracy_last"].notna()
    kinds: dict[str, tuple[pd.Series, str, Callable[[pd.Series], str]]] = {
        "one pattern, all exact": (random & single, "steps_to_exact", count_in_words),
        "several patterns, all exact": (random & ~single, "steps_to_exact", count_in_words),
        "picture, van Rossum": (~random & ~recognised, "van_rossum", number),
        "classes, recognised %": (recognised, "accuracy_last", share),
    }
    rows = []
    for method, runs in finished.groupby("method", sort=True):
        values = {}
        for title, (among, metric, show) in kinds.items():
            of_kind = runs.loc[among[runs.index], metric]
            values[title] = show(of_kind) if len(of_kind) else NOTHING
        exact = runs.loc[random[runs.index], "steps_to_exact"].notna().mean()
        rows.append(({"method": method_title(str(method)), **values}, -exact))
    rows.sort(key=lambda row: row[1])
    return without_empty(pd.DataFrame([row for row, _ in rows]))


def sequence_difference_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Every other method less `REFERENCE` on the same targets, seed by seed: distance, and share of exact trains.

    Parameters
    ----------
    finished : DataFrame
        Finished runs with target spike trains.
    """
    rows = []
    for _, runs in finished.groupby(EQUAL_PROBLEM, sort=True):
        theirs = runs[runs["method"] == REFERENCE]
        for _, ours in runs[runs["method"] != REFERENCE].groupby("method", sort=True):
            distance, exact = (paired_difference(ours, theirs, name) for name in ("van_rossum", "exact_trains"))
            if distance is not None and exact is not None:
                what = about(ours.iloc[0])
                rows.append(
                    {
                        **{key: what[key] for key in ("dataset", "network", "T")},
                        "patterns": f"{ours['patterns'].iloc[0]:.0f}",
                        "method": what["method"],
                        "n": distance.n,
                        "van Rossum": str(distance),
                        "exact trains, points": str(exact.times(100)),
                    }
                )
    return pd.DataFrame(rows)
