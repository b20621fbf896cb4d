"""How much the layers of each method spike."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from baselines.method import is_spiking
from reports.figures.accuracy import names_of
from reports.figures.drawing import Drawing, seed_counts
from reports.figures.panels import grid_of_panels
from reports.figures.scales import chosen_time_steps
from reports.figures.style import FONT, INK, SMALL, UNKNOWN, canvas, heading_of, on_top_of, style_of
from reports.model import Note
from reports.titles import method_title

ROW_HEIGHT = 0.24
INSIDE = 15
"""Bars of so many percent have room for their number."""

LEAST_SHARE = 1e-2
"""Percent: the lower end of the axis of shares."""

MOST_LAYERS = 6
"""So many columns have room for numbers."""


def of_chosen_time_steps(finished: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of details with the method of their run, of the T that is shown of a study alone."""
    shown = finished[finished["time_steps"] == chosen_time_steps(finished)]
    return details.merge(shown[["run_key", "method", "seed", "time_steps", "accuracy_last"]], on="run_key")


def layer_order(rows: pd.DataFrame) -> list[str]:
    """Names of layers as a network has them: in the order of the rows, but for the output, which comes last."""
    names = list(dict.fromkeys(rows["layer"]))
    numbered = sorted((name for name in names if name[5:].isdigit()), key=lambda name: int(name[5:]))
    return [*(name for name in names if name not in (*numbered, "output")), *numbered, *({"output"} & set(names))]


def silent_fraction_of_layers(finished: pd.DataFrame, layers: pd.DataFrame) -> Drawing | None:
    """Silent fraction of each layer, a column a layer and a bar a method; error bars are standard deviations.

    Parameters
    ----------
    finished, layers : DataFrame
        Finished runs that compare, and the layers of all runs; shown are those of one T, see `chosen_time_steps`.

    Returns
    -------
    Drawing or None
        None if no layer of them is known.
    """
    rows = of_chosen_time_steps(finished, layers)
    if rows.empty:
        return None
    names, order = names_of(rows), layer_order(rows)
    figure, grid = canvas(
        1, len(order), height=1.1 + ROW_HEIGHT * max(len(names), 2), font=SMALL, gap=0.06, sharex=True, sharey=True
    )
    for axes, layer in zip(grid.flat, order, strict=True):
        of_layer = rows[rows["layer"] == layer]
        _bars(axes, of_layer, names, written=len(order) <= MOST_LAYERS)
        sizes = " or ".join(f"{size:,}" for size in sorted(of_layer["neurons"].unique()))
        axes.set_title(f"{layer}\n{sizes} neurons" if len(order) <= MOST_LAYERS else layer, fontsize=SMALL)
    grid[0, 0].set_yticks(range(len(names)), [method_title(name) for name in names])
    grid[0, 0].set(ylim=(len(names) - 0.5, -0.5), xlim=(0, 100))
    figure.supxlabel("silent pairs of a test sample and a neuron (%)", fontsize=FONT - 1)
    return Drawing(figure, Note("silent_figure", _facts(finished, rows)))


def _bars(axes: Axes, rows: pd.DataFrame, names: list[str], *, written: bool) -> None:
    by_method = (100 * rows.set_index("method")["silent_fraction"]).groupby(level=0).agg(["mean", "std"])
    for row, name in enumerate(names):
        if name not in by_method.index:
            axes.annotate("no spikes" if written else "-", (3, row), va="center", color=UNKNOWN, fontsize=SMALL - 1)
            continue
        mean, std = by_method.loc[[name]].to_numpy(float)[0]
        axes.barh(row, mean, height=0.72, color=style_of(name).color, xerr=std, error_kw={"ecolor": INK, "capsize": 2})
        if written:
            text = on_top_of(style_of(name).color) if mean > INSIDE else INK
            axes.annotate(
                f"{mean:.0f}",
                (0, row),
                (3, 0),
                textcoords="offset points",
                va="center",
                color=text,
                fontsize=SMALL - 1,
            )
    axes.xaxis.set_major_locator(FixedLocator([0, 50, 100]))
    axes.grid(visible=False, axis="y")


def histogram_of_spikes(finished: pd.DataFrame, histogram: pd.DataFrame) -> Drawing | None:
    """How often hidden neurons spike n times, a panel a method, with a logarithmic axis of shares.

    Parameters
    ----------
    finished, histogram : DataFrame
        Finished runs that compare, and the spike counts of all runs; shown are those of one T.

    Returns
    -------
    Drawing or None
        None if none of them are known.
    """
    rows = of_chosen_time_steps(finished, histogram)
    rows = rows[rows["hidden"].astype(bool)] if not rows.empty else rows
    if rows.empty:
        return None
    pairs = rows.groupby(["method", "run_key", "spikes"])["pairs"].sum()
    shares = 100 * pairs / pairs.groupby(level=["method", "run_key"]).transform("sum")
    names, most = names_of(rows), int(rows["spikes"].max())
    figure, panels = grid_of_panels(len(names))
    for name, axes in zip(names, panels, strict=True):
        of_counts = shares.loc[name].groupby(level="spikes")
        mean, std = of_counts.mean(), of_counts.std()
        bars = np.minimum(std, mean - LEAST_SHARE).clip(lower=0), std
        colour, width = style_of(name).color, 0.8 if most <= 30 else 1.0
        axes.bar(mean.index, mean, width=width, color=colour, yerr=bars, error_kw={"ecolor": INK, "elinewidth": 0.8})
        axes.set_title(heading_of(name), fontsize=SMALL)
        axes.annotate(
            f"silent: {mean.iloc[0]:.0f} %",
            (0.96, 0.95),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=SMALL,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
        axes.grid(visible=False, axis="x")
    panels[0].set_yscale("log")
    panels[0].set_ylim(LEAST_SHARE, 300)
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    figure.supxlabel("spikes of a hidden neuron for one test sample", fontsize=FONT - 1)
    figure.supylabel("share of pairs (%)", fontsize=FONT - 1)
    return Drawing(figure, Note("spikes_figure", _facts(finished, rows)))


def _facts(finished: pd.DataFrame, rows: pd.DataFrame) -> dict[str, object]:
    """What a caption says of the runs behind some rows: their T, their seeds, and which methods have none."""
    unknown = sorted({str(name) for name in finished["method"] if is_spiking(str(name))} - set(rows["method"]))
    seeds = seed_counts(finished[finished["run_key"].isin(rows["run_key"])])
    return {"time_steps": chosen_time_steps(finished), "unknown": [*map(method_title, unknown)], "seeds": seeds}
