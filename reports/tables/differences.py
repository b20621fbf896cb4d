"""Each method less TSSL-BP, seed by seed, and whether that is more than the seeds do."""

from collections.abc import Iterable, Mapping

import pandas as pd

from baselines.method import is_spiking
from reports.cells import TERMS, precision_of
from reports.load import LATE
from reports.published import METHOD
from reports.settings import cells_in_order, counterpart, distinguishing_settings
from reports.statistics import Difference, paired_difference
from reports.tables.cells import NOTHING, called_in_words, without_constant, without_empty
from reports.titles import method_title

METRICS = {"last ten epochs": LATE, "best epoch": "accuracy_best"}
"""What is compared: the first is called *higher* or *lower*, the second stands beside it."""

WORDS = "after correction"

Row = dict[str, object]
Found = Difference | None


def called_together(rows: Iterable[tuple[Row, Found]]) -> list[Row]:
    """Add what each row says of its difference, as one family of comparisons, as the last cell of the row.

    Parameters
    ----------
    rows : iterable of (dict, Difference or None)
        Rows of a table on equal terms, and the difference of each.
    """
    rows = list(rows)
    words = called_in_words([found for _, found in rows])
    return [{**row, WORDS: word} for (row, _), word in zip(rows, words, strict=True)]


def difference_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of every other method less that of `METHOD` on equal terms, T and seeds, in percentage points.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.

    Returns
    -------
    DataFrame
        A row a cell and T of `METHOD` that share a seed; none if there is no such pair. A method without spikes is set
        beside every T.
    """
    rows = []
    settings = distinguishing_settings(finished)
    for _, group in finished.groupby(TERMS, sort=True, dropna=False):
        own = group[group["method"] == METHOD]
        of_steps = [cells_in_order(runs, settings) for _, runs in own.groupby("time_steps", sort=True)]
        family = [
            row
            for theirs in cells_in_order(group[group["method"] != METHOD], settings)
            for ours in of_steps
            if _same_steps(theirs, ours[0])
            and (row := _row(theirs, counterpart(theirs, ours, settings), settings)) is not None
        ]
        rows += called_together(family)
    table = without_constant(without_empty(pd.DataFrame(rows)), ("precision",))
    return table if table.empty else table.sort_values(["dataset", "T", "method"], kind="stable", ignore_index=True)


def _same_steps(theirs: pd.DataFrame, ours: pd.DataFrame) -> bool:
    names = theirs["method"].iloc[0], ours["method"].iloc[0]
    return not all(map(is_spiking, names)) or theirs["time_steps"].iloc[0] == ours["time_steps"].iloc[0]


def _settings_of_both(theirs: pd.DataFrame, ours: pd.DataFrame, settings: Mapping[str, str]) -> str:
    """Setting of the other method, and of the reference where it has another."""
    first, second = (settings.get(runs["cell_key"].iloc[0], "") for runs in (theirs, ours))
    of_reference = f"{method_title(ours['method'].iloc[0])}: {second}" if second not in (first, "") else ""
    return "; ".join(filter(None, (first, of_reference))) or NOTHING


def _row(theirs: pd.DataFrame, ours: pd.DataFrame, settings: Mapping[str, str]) -> tuple[Row, Found] | None:
    found = {name: paired_difference(theirs, ours, metric) for name, metric in METRICS.items()}
    differences = {name: value.times(100) for name, value in found.items() if value is not None}
    if len(differences) < len(METRICS):
        return None
    late = differences["last ten epochs"]
    row = {
        "dataset": ours["dataset"].iloc[0],
        "T": ours["time_steps"].iloc[0],
        "method": method_title(theirs["method"].iloc[0]),
        "settings": _settings_of_both(theirs, ours, settings),
        "precision": precision_of(theirs, ours),
        "n": late.n,
        **{f"{name}, points": str(value) for name, value in differences.items()},
    }
    return row, late
