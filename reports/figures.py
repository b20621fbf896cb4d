"""Figures of a report: pure functions of the tidy tables, one colour and marker a method everywhere."""

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from baselines.method import available_methods, is_spiking, method_title

MARKERS = "osD^vPX*"
DASHES = ("-", "--", ":", "-.")
WIDTH, HEIGHT, DPI = 7.5, 4.2, 150
ROUND_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Style(NamedTuple):
    """How a method looks in every figure of every report."""

    color: str
    marker: str


def styles() -> dict[str, Style]:
    """Style of every method and preset, by name."""
    methods = available_methods()
    names = [name for base, method in methods.items() for name in (base, *(f"{base}:{key}" for key in method.presets))]
    colours = sns.color_palette("colorblind", len(names)).as_hex()
    return {name: Style(colours[index], MARKERS[index % len(MARKERS)]) for index, name in enumerate(names)}


def style_of(method: str) -> Style:
    """Style of a method; grey for one that is not known here."""
    return styles().get(method, Style("#666666", "."))


def accuracy_against_time_steps(finished: pd.DataFrame, path: Path) -> None:
    """Accuracy of the last epoch against T; error bars are standard deviations over seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs of one dataset.
    path : Path
        PNG file to write.
    """
    figure, axes = _new_figure()
    for method, runs in finished.groupby("method", sort=True):
        by_steps = runs.groupby("time_steps")["accuracy_last"]
        mean, std = 100 * by_steps.mean(), 100 * by_steps.std().fillna(0)
        name, style = str(method), style_of(str(method))
        if is_spiking(name):
            axes.errorbar(
                mean.index.to_numpy(float), mean, yerr=std, capsize=3, label=method_title(name), **style._asdict()
            )
        else:
            _level(axes, name, mean.iloc[0], std.iloc[0])
    steps = sorted(finished.loc[finished["method"].map(is_spiking), "time_steps"].astype(int).unique())
    axes.set(xlabel="time steps T", ylabel="test accuracy after the last epoch (%)")
    _time_axis(axes, steps or [1])
    _finish(figure, axes, path)


def training_curves(finished: pd.DataFrame, epochs: pd.DataFrame, path: Path) -> None:
    """Test accuracy against epochs, mean over seeds with a band of one standard deviation.

    Parameters
    ----------
    finished, epochs : DataFrame
        Finished runs of one dataset, and the epochs of all runs.
    path : Path
        PNG file to write.
    """
    figure, axes = _new_figure()
    curves = epochs.merge(finished[["run_key", "method", "time_steps"]], on="run_key")
    for method, of_method in curves.groupby("method", sort=True):
        name = str(method)
        for index, (steps, points) in enumerate(of_method.groupby("time_steps", sort=True)):
            by_epoch = points.groupby("epoch")["test_accuracy"]
            mean, std = 100 * by_epoch.mean(), 100 * by_epoch.std().fillna(0)
            label = f"{method_title(name)}, T = {steps}" if is_spiking(name) else method_title(name)
            colour = style_of(name).color
            axes.plot(mean.index, mean, color=colour, linestyle=DASHES[index % len(DASHES)], label=label)
            axes.fill_between(mean.index, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="epoch", ylabel="test accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, axes, path)


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
    figure, axes = _new_figure()
    for method, points in curves.groupby("method", sort=True):
        by_step = points.groupby("step")["accuracy"]
        mean, std = 100 * by_step.mean(), 100 * by_step.std().fillna(0)
        name, style = str(method), style_of(str(method))
        if is_spiking(name):
            label, every = f"{method_title(name)}, T = {len(mean)}", max(1, len(mean) // 10)
            axes.plot(mean.index, mean, label=label, markevery=every, **style._asdict())
            axes.fill_between(mean.index, mean - std, mean + std, color=style.color, alpha=0.15, linewidth=0)
        else:
            _level(axes, name, mean.iloc[0], std.iloc[0])
    axes.set(xlabel="time steps t used for the decision", ylabel="test accuracy after the last epoch (%)")
    _time_axis(axes, [step for step in ROUND_STEPS if step <= last])
    _finish(figure, axes, path)
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


def _new_figure() -> tuple[Figure, Axes]:
    with mpl.rc_context({"font.size": 10}), sns.axes_style("whitegrid"):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        return figure, figure.subplots()


def _finish(figure: Figure, axes: Axes, path: Path) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    sns.despine(ax=axes)
    # No date and no version in the file: the same numbers give the same bytes.
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
