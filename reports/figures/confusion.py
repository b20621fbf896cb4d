"""Which classes a method takes for which."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import PowerNorm

from baselines.method import is_spiking
from reports.figures.drawing import Drawing
from reports.figures.scales import chosen_time_steps
from reports.figures.style import SMALL, one_pair_of_axes
from reports.model import Note
from reports.published import METHOD
from reports.titles import method_title

MOST_WRITTEN = 20
"""Classes whose counts can be read."""


def run_shown(finished: pd.DataFrame, confusion: pd.DataFrame) -> tuple[str, int] | None:
    """Method and T whose confusions are shown: TSSL-BP at the T that is shown, else what is most accurate."""
    known = finished[finished["run_key"].isin(confusion["run_key"])]
    if known.empty:
        return None
    own = known[(known["method"] == METHOD) & (known["time_steps"] == chosen_time_steps(finished))]
    if not own.empty:
        return METHOD, int(own["time_steps"].iloc[0])
    means = known.groupby(["method", "time_steps"], as_index=False)["accuracy_last"].mean()
    best = means.loc[means["accuracy_last"].idxmax()]
    return str(best["method"]), int(best["time_steps"])


def confusion_matrix(finished: pd.DataFrame, confusion: pd.DataFrame) -> Drawing | None:
    """Count true classes against decisions of one method, added up over seeds; shades are shares of a class.

    Parameters
    ----------
    finished, confusion : DataFrame
        Finished runs that compare, and the confusions of all runs; see `run_shown`.

    Returns
    -------
    Drawing or None
        None if none are known.
    """
    shown = run_shown(finished, confusion)
    if shown is None:
        return None
    method, steps = shown
    runs = finished[(finished["method"] == method) & (finished["time_steps"] == steps)]
    rows = confusion[confusion["run_key"].isin(runs["run_key"])]
    classes = range(int(max(rows["label"].max(), rows["predicted"].max())) + 1)
    counts = rows.groupby(["label", "predicted"])["count"].sum().unstack(fill_value=0)
    counts = counts.reindex(index=classes, columns=classes, fill_value=0)
    shares = 100 * counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0)
    written = counts.astype(str).where(counts > 0, "")
    figure, axes = one_pair_of_axes(height=4.6, font=SMALL + 1, look="white")
    sns.heatmap(
        shares,
        ax=axes,
        cmap="Blues",
        norm=PowerNorm(0.5, 0, 100),  # a few mistakes are to be seen beside many decisions that are right
        annot=written if len(classes) <= MOST_WRITTEN else None,
        fmt="",
        linewidths=0.5,
        annot_kws={"fontsize": SMALL if len(classes) <= 10 else 6},
        cbar_kws={"ticks": [0, 1, 5, 10, 25, 50, 100], "pad": 0.02},
    )
    axes.set(xlabel="decision", ylabel="true class")
    axes.tick_params(axis="y", rotation=0)
    bar = axes.collections[0].colorbar
    if bar is not None:
        bar.ax.tick_params(labelsize=SMALL)
        bar.set_label("share of the true class (%)", fontsize=SMALL + 1)
    facts = {"method": method_title(method), "time_steps": steps if is_spiking(method) else None}
    return Drawing(figure, Note("confusion_figure", {**facts, "runs": rows["run_key"].nunique()}))
