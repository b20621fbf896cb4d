"""Accuracy of each cell, beside what was published, and as methods by T."""

from math import inf, isinf
from typing import Any

import pandas as pd
from pandas.api.typing import SeriesGroupBy

from baselines.method import is_spiking
from reports.cells import percent
from reports.load import LATE
from reports.published import Published, published_for
from reports.settings import VALUE, label_methods_by_setting, varied_setting
from reports.tables.cells import NOTHING, SILENT, cells_of, mean_in_words, share, without_constant, without_empty
from reports.titles import method_title

STAR = "\N{BLACK STAR}"
"""Before the best of a column."""


def comparison_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Ours beside the published value, a row a cell.

    The difference is that of the means of the best test epoch, which is how the paper counts. It is given whatever
    the number of epochs; the columns of both say whether the protocols are equal. Columns without a value are left out.

    Parameters
    ----------
    finished : DataFrame
        A row a run, see `reports.load.Results`.
    """
    rows = []
    for about, runs in cells_of(finished):
        first = runs.iloc[0]
        published = published_for(first["dataset"], str(about["network"]), first["method"], first["time_steps"])
        if first["evaluate_on"] != "test":
            published = None  # what was published is on the test set
        rows.append(
            {
                **about,
                "last epoch %": percent(runs["accuracy_last"]),
                "last ten %": share(runs[LATE]),
                "best epoch %": percent(runs["accuracy_best"]),
                "best minus last ten": mean_in_words(100 * (runs["accuracy_best"] - runs[LATE]), "{:.2f}".format),
                "chosen epoch %": share(runs["accuracy_chosen"]),
                "published %": _published(published),
                "published epochs": published.epochs or "not known" if published else NOTHING,
                "difference": _difference(100 * runs["accuracy_best"].mean(), published),
                "silent": mean_in_words(runs["silent_fraction"], SILENT),
                "never": mean_in_words(runs["never_fraction"], SILENT),
            }
        )
    return without_constant(without_empty(pd.DataFrame(rows)), ("precision",))


def accuracy_by_steps(finished: pd.DataFrame, metric: str = LATE) -> pd.DataFrame:
    """Methods by T: mean and standard deviation, `NOTHING` for cells without a finished run.

    Parameters
    ----------
    finished : DataFrame
        Finished runs on equal terms.
    metric : str
        A fraction.

    Returns
    -------
    DataFrame
        A row a method; empty if the methods that spike have only one T.
    """
    if finished.loc[finished["method"].map(is_spiking), "time_steps"].nunique() < 2:
        return pd.DataFrame()
    return _under_their_titles(_by_steps(finished, metric).agg(percent).unstack())


def accuracy_matrix(finished: pd.DataFrame) -> pd.DataFrame:
    """Methods by T over the last epochs, the best mean of each column with a `STAR`; also of a single T.

    Parameters
    ----------
    finished : DataFrame
        Finished runs on equal terms.
    """
    cells = _by_steps(finished, LATE)
    means, texts = cells.mean().unstack(), cells.agg(percent).unstack()
    best = means.round(4).eq(means.round(4).max())
    order = means.max(axis=1).sort_values(ascending=False, kind="stable").index
    return _under_their_titles(texts.where(~best, STAR + " " + texts).loc[order])


def _by_steps(finished: pd.DataFrame, metric: str) -> "SeriesGroupBy[Any, Any]":
    """An accuracy by method, as cells that differ in more than T cannot share a row, and by T, infinite for none."""
    labelled = label_methods_by_setting(finished)
    steps = labelled["time_steps"].astype(float).where(labelled["method"].map(is_spiking), inf)
    return labelled.groupby(["method", steps], sort=True)[metric]


def _under_their_titles(table: pd.DataFrame) -> pd.DataFrame:
    named = table.rename(index=method_title, columns=lambda steps: "no T" if isinf(steps) else f"T = {steps:.0f}")
    return named.fillna(NOTHING).rename_axis("method").rename_axis(columns=None).reset_index()


def accuracy_by_setting(finished: pd.DataFrame, metric: str = LATE) -> pd.DataFrame:
    """Methods by the values of the one setting that was varied, see `varied_setting`; arguments as above.

    Returns
    -------
    DataFrame
        A row a method and T; empty if no single setting was varied.
    """
    found = varied_setting(finished)
    if found is None:
        return pd.DataFrame()
    name, runs = found
    cells = runs.groupby(["method", "time_steps", VALUE])[metric].agg(percent).unstack(fill_value=NOTHING)
    table = cells.rename(columns=lambda value: f"{name} = {value:g}").rename_axis(columns=None).reset_index()
    steps = table.pop("time_steps").astype(object).where(table["method"].map(is_spiking), NOTHING)
    table.insert(1, "T", steps)
    return without_empty(table.assign(method=table["method"].map(method_title)))


def _published(published: Published | None) -> str:
    if published is None:
        return NOTHING
    return str(published) if published.certainty == "seen" else f"{published}, from memory"


def _difference(best_mean: float, published: Published | None) -> str:
    if published is None:
        return NOTHING
    reference = published.mean if published.mean is not None else published.best
    return NOTHING if reference is None else f"{best_mean - reference:+.2f}"
