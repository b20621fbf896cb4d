"""Accuracy against what an inference costs, and which methods nothing else beats at both."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from baselines.method import is_spiking
from reports.figures.accuracy import last_accuracy, names_of
from reports.figures.drawing import Drawing, seed_counts
from reports.figures.scales import stretch, time_axis, within_bounds
from reports.figures.style import INK, SMALL, canvas, style_of
from reports.model import Note
from reports.titles import method_title

COSTS = {
    "time_steps": "latency in time steps T",
    "latency_ms": "inference time (ms a sample)",
    "energy_nj": "energy of the arithmetic (nJ an inference)",
}
"""What a cost is called on an axis, by its column."""

STEPS, NO_TIME = "time_steps", "no T"

LEFT = 0.25
"""Part of an axis where a long name does not fit to the left of a point."""

DECADE, NARROW = 10, 100
"""Costs within the first factor have ticks at equal distances, within the second at 1, 2, 5, 10, ..., else at powers of
ten.
"""

MOST_IN_LEGEND = 9
"""With more methods, only those on the front are named, in the figure itself."""


def cells_against(finished: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Mean of cost and accuracy over seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs that compare.
    cost : str
        A column; runs without a number in it are left out, and of T methods without time.

    Returns
    -------
    DataFrame
        A row a method and T: ``method``, ``time_steps``, ``cost``, and ``mean`` and ``std`` of the accuracy in percent.
    """
    known = finished[finished[cost].notna()]
    if cost == STEPS:
        known = known[known["method"].map(is_spiking)]
    cells = known.groupby(["method", STEPS], sort=True)
    table = pd.DataFrame({"cost": cells[cost].mean().astype(float), "mean": 100 * cells["accuracy_last"].mean()})
    table["std"] = 100 * cells["accuracy_last"].std()
    return table.reset_index().rename(columns={"index": "method"})


def pareto_front(cells: pd.DataFrame) -> pd.DataFrame:
    """Rows with a higher mean than every row that costs no more; the cheapest first.

    Parameters
    ----------
    cells : DataFrame
        With ``cost`` and ``mean``; of rows equal in both the first one counts.
    """
    ordered = cells.sort_values(["cost", "mean"], ascending=[True, False], kind="stable")
    best_before = ordered["mean"].cummax().shift(fill_value=-np.inf)
    return ordered[ordered["mean"] > best_before]


def accuracy_against_cost(finished: pd.DataFrame, costs: Sequence[str]) -> Drawing | None:
    """Accuracy against costs, a panel each; the front of what nothing beats is drawn as steps, and its points named.

    Parameters
    ----------
    finished : DataFrame
        Finished runs that compare.
    costs : sequence of str
        Of `COSTS`; those with fewer than two cells are left out.

    Returns
    -------
    Drawing or None
        None if all are left out.
    """
    tables = {cost: cells_against(finished, cost) for cost in costs}
    tables = {cost: table for cost, table in tables.items() if len(table) > 1 and table["cost"].nunique() > 1}
    if not tables:
        return None
    names = sorted({name for table in tables.values() for name in names_of(table)})
    legend = len(names) <= MOST_IN_LEGEND
    figure, grid = canvas(1, len(tables), sharey=True, height=4.4 if legend else 4.0, font=SMALL + 1)
    stretch(grid[0, 0])
    for axes, (cost, cells) in zip(grid.flat, tables.items(), strict=True):
        _draw(axes, cells)
        _cost_axis(axes, cost, cells)
    grid[0, 0].set_ylabel(last_accuracy(finished))
    if legend:
        labelled = [axes.get_legend_handles_labels() for axes in grid.flat]
        handles = {label: handle for pair in labelled for handle, label in zip(*pair, strict=True)}
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=math.ceil(len(handles) / math.ceil(len(handles) / 4)),
            frameon=False,
            fontsize=SMALL,
        )
    facts = {"costs": costs, "methods_are_named": finished["method"].nunique() > MOST_IN_LEGEND}
    return Drawing(figure, Note("cost_figure", {**facts, "seeds": seed_counts(finished)}))


def _cost_axis(axes: Axes, cost: str, cells: pd.DataFrame) -> None:
    axes.set_xlabel(COSTS[cost])
    axes.margins(x=0.12, y=0.12)
    if cost == STEPS:
        time_axis(axes, FixedLocator(sorted(cells["cost"].unique())))
        return
    axes.set_xscale("log")
    ratio = cells["cost"].max() / cells["cost"].min()
    if ratio < NARROW:
        few_ticks = MaxNLocator(nbins=4, steps=[1, 2, 5, 10])
        axes.xaxis.set_major_locator(few_ticks if ratio < DECADE else LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")


def _draw(axes: Axes, cells: pd.DataFrame) -> None:
    """Draw a line a method through its time steps, and the front."""
    for name in names_of(cells):
        points = cells[cells["method"] == name].sort_values(STEPS)
        bars = within_bounds(points["mean"], points["std"])
        style = style_of(name)
        axes.errorbar(
            points["cost"],
            points["mean"],
            yerr=bars,
            linewidth=0.8,
            markersize=5,
            label=method_title(name),
            **style._asdict(),
        )
    front = pareto_front(cells)
    ends = [*front["cost"], cells["cost"].max()], [*front["mean"], front["mean"].iloc[-1]]
    axes.plot(*ends, drawstyle="steps-post", color=INK, linewidth=1.2, linestyle=":", label="Pareto front", zorder=1)
    _name_points(axes, front, cells)


def _name_points(axes: Axes, front: pd.DataFrame, cells: pd.DataFrame) -> None:
    """Write T at the points of the front, or the method where no legend names it."""
    low, high = np.log(cells["cost"].min()), np.log(cells["cost"].max())
    named = cells["method"].nunique() > MOST_IN_LEGEND
    for point in front.itertuples():
        method = str(point.method)
        text = str(point.time_steps) if is_spiking(method) else NO_TIME
        if named:
            several = front["time_steps"].nunique() > 1
            text = f"{method_title(method)} ({text})" if several else method_title(method)
        # Above and to the left of a front is nothing, but long names would leave the axes there.
        right = named and np.log(float(point.cost)) < low + LEFT * (high - low)  # type: ignore[arg-type]
        axes.annotate(
            text,
            (point.cost, point.mean),
            (0 if right else -3, 4 if right else 3),
            textcoords="offset points",
            ha="left" if right else "right",
            fontsize=SMALL,
            color=INK,
        )
