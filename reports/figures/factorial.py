"""Pieces of TSSL-BP's gradient: what each setting does to the distance, and where its gradient points."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.figures.drawing import Drawing, section_of
from reports.figures.style import FONT, INK, OTHERS, SMALL, canvas, one_pair_of_axes
from reports.load import Results
from reports.model import Note, Section
from reports.statistics import mean_difference
from reports.tables.alignment import DECIDES, LAYERS, SETTING, STATE, ceiling, state_title
from reports.tables.factorial import EVERYWHERE, FACTORS, harm

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
"""Of levels and states, which are no methods; far from each other also for who does not tell red from green."""


def draw_factor_figures(results: Results, folder: Path) -> list[Section]:
    """Draw what there is to show of a factorial and of the directions of gradients, as PNG and SVG.

    Parameters
    ----------
    results : Results
        See `reports.sequences.with_factors`.
    folder : Path
        Where the files go.
    """
    harmed, directions = harm_by_setting(results.runs), cosines_by_setting(results.alignment)
    return [
        *section_of("Harm of the timing term", "sequences_harm", harmed, folder),
        *section_of("Direction of the gradient", "sequences_alignment", directions, folder),
    ]


def harm_by_setting(runs: pd.DataFrame) -> Drawing | None:
    """Distance less that with the surrogate everywhere, a row a setting, a colour a time constant.

    Parameters
    ----------
    runs : DataFrame
        See `reports.tables.factorial.factorial_runs`.
    """
    levels = (FACTORS["tau_s"].before, FACTORS["tau_s"].after)
    of_level = [harm(runs[runs["tau_s"] == level], "van_rossum") if len(runs) else {} for level in levels]
    if not all(of_level):
        return None
    figure, axes = one_pair_of_axes(height=3.2)
    names = [*of_level[0]]
    for number, (level, found) in enumerate(zip(levels, of_level, strict=True)):
        ends = [(found[name].mean, found[name].low, found[name].high) for name in names]
        _points(axes, np.arange(len(names)) + 0.2 * (number - 0.5), ends, number, f"tau_s = {float(level):g}")
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(names)), [_label(*name) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("van Rossum distance, minus the surrogate everywhere")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return Drawing(figure, Note("harm_figure"))


def cosines_by_setting(alignment: pd.DataFrame) -> Drawing | None:
    """Cosine with the smoothed loss's gradient, a panel a layer, a row a setting, a colour a state of the networks.

    Parameters
    ----------
    alignment : DataFrame
        See `reports.load.Results`.
    """
    chosen = alignment[(alignment["sigma"] == DECIDES) & (alignment["place"] == "all")]
    if chosen.empty:
        return None
    figure, grid = canvas(1, len(LAYERS), height=4.6, font=SMALL, sharey=True)
    settings = [*chosen[SETTING].drop_duplicates().itertuples(index=False, name=None)]
    states = [*chosen.groupby(STATE, sort=True)]
    for axes, layer in zip(grid[0], LAYERS, strict=True):
        ceilings = [found for _, rows in states if (found := ceiling(rows[rows["layer"] == layer]))]
        axes.axvspan(min(ceilings, default=1), 1, color=OTHERS, alpha=0.5, linewidth=0)
        for number, (_, rows) in enumerate(states):
            of_layer = rows[rows["layer"] == layer].set_index(SETTING)
            ends = [_interval(of_layer.loc[[setting], "cosine"]) for setting in settings]
            places = np.arange(len(settings)) + 0.18 * (number - (len(states) - 1) / 2)
            _points(axes, places, ends, number, state_title(rows))
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_title(layer, fontsize=SMALL)
        axes.set(xlim=(-0.8, 1), xticks=[-0.5, 0, 0.5])
        axes.grid(visible=False, axis="y")
    grid[0, 0].set_yticks(range(len(settings)), [_label(*setting) for setting in settings])
    grid[0, 0].invert_yaxis()
    figure.supxlabel("cosine with the gradient of the smoothed loss", fontsize=FONT)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=SMALL)
    return Drawing(figure, Note("alignment_figure", {"sigma": DECIDES}))


def _points(axes: Axes, places: np.ndarray, ends: list[tuple[float, float, float]], number: int, label: str) -> None:
    means, lows, highs = np.array(ends, dtype=float).T
    errors = np.abs(np.stack([means - lows, highs - means]))
    axes.errorbar(means, places, xerr=errors, fmt="o", color=COLOURS[number], markersize=4, linewidth=1.2, label=label)


def _interval(values: pd.Series) -> tuple[float, float, float]:
    there = values.dropna()
    if there.empty:
        return float("nan"), float("nan"), float("nan")
    found = mean_difference(there.tolist())
    return found.mean, found.low, found.high


def _label(gate: str, inverse_max: object, intra_neuron: object) -> str:
    if gate == EVERYWHERE:
        return "surrogate everywhere"
    intra = "on" if str(intra_neuron) == "True" else "off"
    name = "timing alone" if gate == "never" else f"gate {gate}"
    return f"{name}, at most {float(str(inverse_max)):g}, intra {intra}"
