"""Figures of a report: pure functions of the tidy tables, one colour and marker a method everywhere."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from baselines.method import available_methods, is_spiking, method_title

MARKERS = "osD^vPX*"
DASHES = ("-", "--", ":", "-.")
SHADES = (1.0, 0.6, 0.3)
"""Brightness of the palette's first, second and third round."""

WIDTH, HEIGHT, DPI = 7.5, 4.2, 150
ROW_HEIGHT, PANEL_HEIGHT = 0.26, 1.6
MANY, COLUMNS = 7, 4
"""Methods, or lines, that one pair of axes can hold; more get a panel each, in so many columns."""

OTHERS = "#c4c4c4"
LAST_ACCURACY = "test accuracy after the last epoch (%)"
ROUND_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

Draw = Callable[[Axes, str], None]


class Style(NamedTuple):
    """How a method looks in every figure of every report."""

    color: str
    marker: str


def styles() -> dict[str, Style]:
    """Style of every method and preset, by name; methods come first and have the palette's own colours."""
    methods = available_methods()
    names = [*methods, *(f"{base}:{preset}" for base, method in methods.items() for preset in method.presets)]
    palette = sns.color_palette("colorblind")
    looks = {}
    for index, name in enumerate(names):
        cycle, position = divmod(index, len(palette))
        colour = np.array(to_rgb(palette[position])) * SHADES[min(cycle, len(SHADES) - 1)]
        looks[name] = Style(to_hex(tuple(colour)), MARKERS[index % len(MARKERS)])
    return looks


def style_of(method: str) -> Style:
    """Style of a method; grey for one that is not known here."""
    return styles().get(method, Style("#666666", "."))


def time_steps_of(finished: pd.DataFrame) -> np.ndarray:
    """Every T of the spiking methods among some runs, sorted."""
    return np.unique(finished.loc[finished["method"].map(is_spiking), "time_steps"].to_numpy(int))


def accuracy_of_methods(finished: pd.DataFrame, path: Path) -> None:
    """Accuracy of the last epoch, a row a method, the best one on top; for studies with a single T.

    Small dots are runs, the marker with its error bar is their mean and standard deviation, written out at the right.

    Parameters
    ----------
    finished : DataFrame
        Finished runs of one dataset.
    path : Path
        PNG file to write.
    """
    by_method = 100 * finished.set_index("method")["accuracy_last"]
    summary = by_method.groupby(level=0).agg(["mean", "std"]).sort_values("mean", kind="stable")
    with mpl.rc_context({"font.size": 10}), sns.axes_style("whitegrid"):
        figure = Figure(figsize=(WIDTH, 1 + ROW_HEIGHT * max(len(summary), 2)), layout="constrained")
        axes = figure.subplots()
    for row, (method, mean, std) in enumerate(summary.itertuples()):
        style = style_of(str(method))
        runs = by_method.loc[[method]]
        axes.plot(runs, [row] * len(runs), ".", color=style.color, alpha=0.5, markersize=4)
        axes.errorbar(mean, row, xerr=np.nan_to_num(std), capsize=3, **style._asdict())
        text = f"{mean:.2f}" + ("" if np.isnan(std) else f" ± {std:.2f}")
        axes.annotate(text, (1.01, row), xycoords=("axes fraction", "data"), va="center", annotation_clip=False)
    steps = ", ".join(f"T = {steps}" for steps in time_steps_of(finished))
    axes.set(xlabel=f"{LAST_ACCURACY}{steps and ', '}{steps}", ylim=(-0.6, len(summary) - 0.4))
    axes.set_yticks(range(len(summary)), [method_title(str(method)) for method in summary.index])
    _save(figure, path)


def accuracy_against_time_steps(finished: pd.DataFrame, path: Path) -> None:
    """Accuracy of the last epoch against T; error bars are standard deviations over seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs of one dataset.
    path : Path
        PNG file to write.
    """

    def draw(axes: Axes, name: str) -> None:
        by_steps = finished[finished["method"] == name].groupby("time_steps")["accuracy_last"]
        mean, std = 100 * by_steps.mean(), 100 * by_steps.std().fillna(0)
        style = style_of(name)
        if is_spiking(name):
            axes.errorbar(
                mean.index.to_numpy(float), mean, yerr=std, capsize=3, label=method_title(name), **style._asdict()
            )
        else:
            _level(axes, name, mean.iloc[0], std.iloc[0])

    def finish(axes: Axes) -> None:
        _time_axis(axes, time_steps_of(finished).tolist() or [1])

    _draw_methods(finished, draw, finish, path, xlabel="time steps T", ylabel=LAST_ACCURACY)


def training_curves(finished: pd.DataFrame, epochs: pd.DataFrame, path: Path) -> None:
    """Test accuracy against epochs, mean over seeds with a band of one standard deviation.

    Parameters
    ----------
    finished, epochs : DataFrame
        Finished runs of one dataset, and the epochs of all runs.
    path : Path
        PNG file to write.
    """
    curves = epochs.merge(finished[["run_key", "method", "time_steps"]], on="run_key")

    def draw(axes: Axes, name: str) -> None:
        of_method = curves[curves["method"] == name]
        for index, (steps, points) in enumerate(of_method.groupby("time_steps", sort=True)):
            by_epoch = points.groupby("epoch")["test_accuracy"]
            mean, std = 100 * by_epoch.mean(), 100 * by_epoch.std().fillna(0)
            label = f"{method_title(name)}, T = {steps}" if is_spiking(name) else method_title(name)
            colour = style_of(name).color
            axes.plot(mean.index, mean, color=colour, linestyle=DASHES[index % len(DASHES)], label=label)
            axes.fill_between(mean.index, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)

    def finish(axes: Axes) -> None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    lines = len(curves[["method", "time_steps"]].drop_duplicates())
    _draw_methods(finished, draw, finish, path, lines=lines, xlabel="epoch", ylabel="test accuracy (%)")


def accuracy_after_each_step(finished: pd.DataFrame, anytime: pd.DataFrame, path: Path) -> bool:
    """Accuracy by the first t time steps against t, a line a method at its largest T; bands are standard deviations.

    Parameters
    ----------
    finished, anytime : DataFrame
        Finished runs of one dataset, and the accuracy after each time step of all runs.
    path : Path
        PNG file to write.

    Returns
    -------
    bool
        Whether there was anything to draw: a spiking method with more than one time step.
    """
    curves = anytime.merge(finished[["run_key", "method", "time_steps"]], on="run_key")
    curves = curves[curves["time_steps"] == curves.groupby("method")["time_steps"].transform("max")]
    last = curves.loc[curves["method"].map(is_spiking), "step"].max()
    if pd.isna(last) or last < 2:
        return False

    def draw(axes: Axes, name: str) -> None:
        by_step = curves[curves["method"] == name].groupby("step")["accuracy"]
        mean, std = 100 * by_step.mean(), 100 * by_step.std().fillna(0)
        style = style_of(name)
        if is_spiking(name):
            label, every = f"{method_title(name)}, T = {len(mean)}", max(1, len(mean) // 10)
            axes.plot(mean.index, mean, label=label, markevery=every, **style._asdict())
            axes.fill_between(mean.index, mean - std, mean + std, color=style.color, alpha=0.15, linewidth=0)
        else:
            _level(axes, name, mean.iloc[0], std.iloc[0])

    def finish(axes: Axes) -> None:
        _time_axis(axes, [step for step in ROUND_STEPS if step <= last])

    _draw_methods(curves, draw, finish, path, xlabel="time steps t used for the decision", ylabel=LAST_ACCURACY)
    return True


def _level(axes: Axes, method: str, mean: float, std: float) -> None:
    """Draw a method without time as a horizontal line, with a band of one standard deviation."""
    colour = style_of(method).color
    axes.axhline(mean, color=colour, linestyle="--", label=f"{method_title(method)}, no time")
    axes.axhspan(mean - std, mean + std, color=colour, alpha=0.15)


def _time_axis(axes: Axes, ticks: list[int]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")


def _draw_methods(
    finished: pd.DataFrame,
    draw: Draw,
    finish: Callable[[Axes], None],
    path: Path,
    *,
    xlabel: str,
    ylabel: str,
    lines: int = 0,
) -> None:
    """Draw all methods into one pair of axes with a legend, or many of them, or of their lines, into a panel each."""
    names = sorted({str(method) for method in finished["method"]})
    if max(len(names), lines) > MANY:
        _draw_panels(names, draw, finish, path, xlabel=xlabel, ylabel=ylabel)
        return
    with mpl.rc_context({"font.size": 10}), sns.axes_style("whitegrid"):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
    for name in names:
        draw(axes, name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    finish(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, path)


def _draw_panels(
    names: list[str], draw: Draw, finish: Callable[[Axes], None], path: Path, *, xlabel: str, ylabel: str
) -> None:
    """Draw each method into a panel of its own, on equal axes, with all the others in grey behind it."""
    rows = math.ceil(len(names) / COLUMNS)
    with mpl.rc_context({"font.size": 8}), sns.axes_style("whitegrid"):
        figure = Figure(figsize=(WIDTH, 0.5 + PANEL_HEIGHT * rows), layout="constrained")
        grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for name, axes in zip(names, grid.flat, strict=False):
        for other in names:
            draw(axes, other)
        for line in axes.lines:
            line.set(color=OTHERS, linewidth=0.8, marker="", zorder=1)
        for area in [*axes.collections, *axes.patches]:
            area.set(color=OTHERS, linewidth=0.8, zorder=1)
        others = len(axes.lines)
        draw(axes, name)
        axes.set_title(method_title(name), fontsize=8)
        finish(axes)
        _label_lines(axes, axes.lines[others:], method_title(name))
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for axes in grid.flat[max(len(names) - COLUMNS, 0) : len(names)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel(xlabel, fontsize=9)
    figure.supylabel(ylabel, fontsize=9)
    _save(figure, path)


def _label_lines(axes: Axes, lines: Sequence[Line2D], title: str) -> None:
    """Tell the lines of a panel apart, by what their labels say beside the method, if there are several."""
    labels = {line: str(line.get_label()).removeprefix(f"{title}, ") for line in lines}
    own = {line: label for line, label in labels.items() if not label.startswith("_")}
    if len(own) > 1:
        axes.legend(list(own), list(own.values()), fontsize=6, loc="lower right", framealpha=0.8, handlelength=1.5)


def _save(figure: Figure, path: Path) -> None:
    sns.despine(fig=figure)
    # No date and no version in the file: the same numbers give the same bytes.
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
