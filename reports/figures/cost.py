"""Accuracy against what an inference costs, and which methods nothing else beats at both."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from baselines.method import is_spiking
from reports.figures.accuracy import late_accuracy, names_of
from reports.figures.drawing import Drawing, seed_counts
from reports.figures.scales import stretch, time_axis, within_bounds
from reports.figures.style import INK, SMALL, canvas, style_of
from reports.load import LATE
from reports.model import Note
from reports.titles import method_title

COSTS = {
    "time_steps": "latency in time steps T",
    "latency_ms": "inference time (ms a sample)",
    "energy_nj": "energy of the arithmetic (nJ an inference)",
}
"""What a cost is called on an axis, by its column."""

STEPS, NO_TIME = "time_steps", "no T"

ROOM = 30
"""Pixels of a figure that a short text needs."""

DECADE, NARROW = 10, 100
"""Costs within the first factor have ticks at equal distances, within the second at 1, 2, 5, 10, ..., else at powers of
ten.
"""

MOST_IN_LEGEND = 9
"""With more methods, only those on the front are named: by numbers."""


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
        A row a method and T: ``method``, ``time_steps``, ``cost`` and its standard deviation ``spread``, and ``mean``
        and ``std`` of the accuracy in percent.
    """
    known = finished[finished[cost].notna()]
    if cost == STEPS:
        known = known[known["method"].map(is_spiking)]
    cells = known.groupby(["method", STEPS], sort=True)
    table = pd.DataFrame({"cost": cells[cost].mean().astype(float), "mean": 100 * cells[LATE].mean()})
    table["std"] = 100 * cells[LATE].std()
    table["spread"] = cells[cost].std().astype(float)
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
    grid[0, 0].set_ylabel(late_accuracy(finished))
    fronts = [pareto_front(cells) for cells in tables.values()]
    if legend:
        labelled = [axes.get_legend_handles_labels() for axes in grid.flat]
        handles = {label: handle for pair in labelled for handle, label in zip(*pair, strict=True)}
        texts = [[_steps_of(row) for row in front.itertuples()] for front in fronts]
    else:
        several = finished["time_steps"].nunique() > 1
        named = [[_name_of(row, several_steps=several) for row in front.itertuples()] for front in fronts]
        numbers = {name: str(number) for number, name in enumerate(dict.fromkeys(itertools.chain(*named)), start=1)}
        handles = {name: _number_handle(number) for name, number in numbers.items()}
        texts = [[numbers[name] for name in names] for names in named]
    columns = math.ceil(len(handles) / math.ceil(len(handles) / (4 if legend else 2)))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL
    )
    figure.draw_without_rendering()  # from here on it is known what lies where
    for axes, front, of_front in zip(grid.flat, fronts, texts, strict=True):
        _write_at(axes, front, of_front)
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
            xerr=points["spread"].fillna(0.0).clip(upper=0.9 * points["cost"]),
            yerr=bars,
            linewidth=0.8,
            markersize=5,
            label=method_title(name),
            **style._asdict(),
        )
    front = pareto_front(cells)
    ends = [*front["cost"], cells["cost"].max()], [*front["mean"], front["mean"].iloc[-1]]
    axes.plot(*ends, drawstyle="steps-post", color=INK, linewidth=1.2, linestyle=":", label="Pareto front", zorder=1)


def _steps_of(row: Any) -> str:
    return str(row.time_steps) if is_spiking(str(row.method)) else NO_TIME


def _name_of(row: Any, *, several_steps: bool) -> str:
    title = method_title(str(row.method))
    return f"{title}, T = {_steps_of(row)}" if several_steps and is_spiking(str(row.method)) else title


def _number_handle(number: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=f"${number}$", color=INK, markersize=5)


def _write_at(axes: Axes, points: pd.DataFrame, texts: Sequence[str]) -> None:
    """Write a short text at each of some points, not one over another."""
    places = axes.transData.transform(points[["cost", "mean"]].to_numpy(float))
    before = np.full(2, -np.inf)
    for (x, y), place, text in zip(points[["cost", "mean"]].to_numpy(float), places, texts, strict=True):
        # Above and to the left of a front is nothing but the text of a point that is near; below there is room.
        crowded = bool(np.abs(place - before).max() < ROOM)
        before = place
        axes.annotate(
            text,
            (x, y),
            (4, -11) if crowded else (-3, 3),
            textcoords="offset points",
            ha="left" if crowded else "right",
            fontsize=SMALL,
            color=INK,
        )
