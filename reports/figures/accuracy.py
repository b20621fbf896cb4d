"""Accuracy: of each method, against time steps or a setting, after each time step, and while training."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from baselines.method import is_spiking
from reports.cells import percent
from reports.figures.drawing import Drawing, seed_counts
from reports.figures.panels import draw_methods
from reports.figures.scales import stretch, time_axis, time_steps_of, within_bounds
from reports.figures.style import one_pair_of_axes, style_of
from reports.load import LATE, late_epochs
from reports.model import Note
from reports.settings import VALUE, varied_setting
from reports.titles import accuracy_title, method_title

DASHES = ("-", "--", ":", "-.", (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 4)))
"""Of lines for each T; as many as the study of time steps has."""

ROW_HEIGHT = 0.26

WIDE = 4
"""Values of a setting have a logarithmic axis if the largest is so many times the least."""


def last_accuracy(runs: pd.DataFrame) -> str:
    """What an axis of accuracies after the last epoch is called."""
    return f"{accuracy_title(runs)} after the last epoch (%)"


def late_accuracy(runs: pd.DataFrame) -> str:
    """What an axis of accuracies over the last epochs is called, of runs with equally many."""
    last = late_epochs(int(runs["epochs"].iloc[0]))
    return last_accuracy(runs) if last == 1 else f"{accuracy_title(runs)}, mean of the last {last} epochs (%)"


def names_of(runs: pd.DataFrame) -> list[str]:
    """Methods of some runs, sorted."""
    return sorted({str(method) for method in runs["method"]})


def accuracy_of_methods(finished: pd.DataFrame) -> Drawing:
    """Accuracy over the last epochs, a row a method, the best one on top; for studies with a single T.

    Small dots are runs, the marker with its error bar is their mean and standard deviation, written out at the right.

    Parameters
    ----------
    finished : DataFrame
        Finished runs that compare.
    """
    by_method = finished.set_index("method")[LATE]
    summary = (100 * by_method).groupby(level=0).agg(["mean", "std"]).sort_values("mean", kind="stable")
    lower, upper = within_bounds(summary["mean"], summary["std"])
    figure, axes = one_pair_of_axes(height=1 + ROW_HEIGHT * max(len(summary), 2))
    stretch(axes, "x")
    for row, (method, mean, _) in enumerate(summary.itertuples()):
        style = style_of(str(method))
        runs = by_method.loc[[method]]
        axes.plot(100 * runs, [row] * len(runs), ".", color=style.color, alpha=0.5, markersize=4)
        axes.errorbar(mean, row, xerr=[[lower[method]], [upper[method]]], capsize=3, **style._asdict())
        # Written as in tables, so that a mean between two hundredths is rounded to the same one.
        axes.annotate(
            percent(runs), (1.01, row), xycoords=("axes fraction", "data"), va="center", annotation_clip=False
        )
    steps = ", ".join(f"T = {steps}" for steps in time_steps_of(finished))
    axes.set(xlabel=f"{late_accuracy(finished)}{steps and ', '}{steps}", ylim=(-0.6, len(summary) - 0.4))
    axes.set_yticks(range(len(summary)), [method_title(str(method)) for method in summary.index])
    return Drawing(figure, Note("accuracy_figure", {"seeds": seed_counts(finished)}))


def accuracy_against_time_steps(finished: pd.DataFrame) -> Drawing:
    """Accuracy over the last epochs against T; error bars are standard deviations over seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs that compare.
    """

    def draw(axes: Axes, name: str) -> None:
        by_steps = 100 * finished[finished["method"] == name].set_index("time_steps")[LATE]
        summary = by_steps.groupby(level=0).agg(["mean", "std"])
        mean, std = summary["mean"], summary["std"]
        style = style_of(name)
        if is_spiking(name):
            steps, bars = mean.index.to_numpy(float), within_bounds(mean, std)
            axes.errorbar(steps, mean, yerr=bars, capsize=3, label=method_title(name), **style._asdict())
        else:
            _draw_level(axes, name, mean.iloc[0], std.iloc[0])

    def finish(axes: Axes) -> None:
        stretch(axes)
        time_axis(axes, FixedLocator(time_steps_of(finished).tolist() or [1]))

    figure = draw_methods(names_of(finished), draw, finish, xlabel="time steps T", ylabel=late_accuracy(finished))
    return Drawing(figure, Note("time_steps_figure", {"seeds": seed_counts(finished)}))


def accuracy_against_setting(finished: pd.DataFrame) -> Drawing | None:
    """Accuracy over the last epochs against the one setting that was varied; error bars are standard deviations.

    Parameters
    ----------
    finished : DataFrame
        Finished runs that compare, under the names of their methods.

    Returns
    -------
    Drawing or None
        None if no single setting was varied, see `reports.settings.varied_setting`.
    """
    found = varied_setting(finished)
    if found is None:
        return None
    setting, runs = found
    values, all_steps = np.unique(runs[VALUE]), time_steps_of(runs).tolist()

    def draw(axes: Axes, name: str) -> None:
        for steps, of_steps in runs[runs["method"] == name].groupby("time_steps", sort=True):
            summary = (100 * of_steps.set_index(VALUE)[LATE]).groupby(level=0).agg(["mean", "std"])
            mean, bars = summary["mean"], within_bounds(summary["mean"], summary["std"])
            several = is_spiking(name) and len(all_steps) > 1
            label = f"{method_title(name)}, T = {steps}" if several else method_title(name)
            dashes = DASHES[all_steps.index(steps) % len(DASHES)] if several else "-"
            axes.errorbar(mean.index, mean, yerr=bars, capsize=3, label=label, ls=dashes, **style_of(name)._asdict())

    def finish(axes: Axes) -> None:
        stretch(axes)
        if values[0] > 0 and values[-1] >= WIDE * values[0]:
            axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(values.tolist()))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")

    lines = len(runs[["method", "time_steps"]].drop_duplicates())
    words = setting.replace("_", " ")
    figure = draw_methods(names_of(runs), draw, finish, lines=lines, xlabel=words, ylabel=late_accuracy(runs))
    return Drawing(figure, Note("setting_figure", {"seeds": seed_counts(runs)}))


def accuracy_after_each_step(finished: pd.DataFrame, anytime: pd.DataFrame) -> Drawing | None:
    """Accuracy by the first t time steps against t, a line a method at its largest T; bands are standard deviations.

    Parameters
    ----------
    finished, anytime : DataFrame
        Finished runs that compare, and the accuracy after each time step of all runs.

    Returns
    -------
    Drawing or None
        None if no spiking method has more than one time step.
    """
    curves = anytime.merge(finished[["run_key", "method", "time_steps"]], on="run_key")
    curves = curves[curves["time_steps"] == curves.groupby("method")["time_steps"].transform("max")]
    last = curves.loc[curves["method"].map(is_spiking), "step"].max()
    if pd.isna(last) or last < 2:
        return None

    def draw(axes: Axes, name: str) -> None:
        summary = (100 * curves[curves["method"] == name].set_index("step")["accuracy"]).groupby(level=0)
        mean, std = summary.mean(), summary.std()
        style = style_of(name)
        if is_spiking(name):
            label, every = f"{method_title(name)}, T = {len(mean)}", max(1, len(mean) // 10)
            axes.plot(mean.index, mean, label=label, markevery=every, **style._asdict())
            _draw_band(axes, mean, std, style.color)
        else:
            _draw_level(axes, name, mean.iloc[0], std.iloc[0])

    def finish(axes: Axes) -> None:
        stretch(axes)
        time_axis(axes, LogLocator(subs=(1, 2, 5)))

    xlabel, ylabel = "time steps t used for the decision", last_accuracy(finished)
    figure = draw_methods(names_of(curves), draw, finish, xlabel=xlabel, ylabel=ylabel)
    shown = finished[finished["run_key"].isin(curves["run_key"])]
    return Drawing(figure, Note("anytime_figure", {"seeds": seed_counts(shown)}))


def training_curves(finished: pd.DataFrame, epochs: pd.DataFrame) -> Drawing | None:
    """Test accuracy against epochs, mean over seeds with a band of one standard deviation.

    Parameters
    ----------
    finished, epochs : DataFrame
        Finished runs that compare, and the epochs of all runs.

    Returns
    -------
    Drawing or None
        None if nothing is known of any epoch.
    """
    curves = epochs.merge(finished[["run_key", "method", "time_steps"]], on="run_key").dropna(subset="test_accuracy")
    if curves.empty:
        return None
    single = curves["epoch"].nunique() == 1
    all_steps = time_steps_of(curves).tolist()

    def draw(axes: Axes, name: str) -> None:
        of_method = curves[curves["method"] == name]
        for steps, points in of_method.groupby("time_steps", sort=True):
            summary = (100 * points.set_index("epoch")["test_accuracy"]).groupby(level=0)
            mean, std = summary.mean(), summary.std()
            label = f"{method_title(name)}, T = {steps}" if is_spiking(name) else method_title(name)
            style = style_of(name)
            marker = style.marker if single else ""
            dashes = DASHES[all_steps.index(steps) % len(DASHES)] if is_spiking(name) else "-"
            axes.plot(mean.index, mean, color=style.color, linestyle=dashes, marker=marker, label=label)
            _draw_band(axes, mean, std, style.color)

    def finish(axes: Axes) -> None:
        stretch(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    lines = len(curves[["method", "time_steps"]].drop_duplicates())
    ylabel = f"{accuracy_title(finished)} (%)"
    figure = draw_methods(names_of(curves), draw, finish, lines=lines, xlabel="epoch", ylabel=ylabel)
    return Drawing(figure, Note("training_figure", {"seeds": seed_counts(finished)}))


def _draw_band(axes: Axes, mean: pd.Series, std: pd.Series, colour: str) -> None:
    """Shade one standard deviation around a line, if there are several seeds."""
    if std.notna().any():
        below, above = within_bounds(mean, std.fillna(0))
        axes.fill_between(mean.index, mean - below, mean + above, color=colour, alpha=0.15, linewidth=0)


def _draw_level(axes: Axes, method: str, mean: float, std: float) -> None:
    """Draw a method without time as a horizontal line, with a band of one standard deviation."""
    colour = style_of(method).color
    axes.axhline(mean, color=colour, linestyle="--", label=f"{method_title(method)}, no time")
    if not np.isnan(std):
        axes.axhspan(mean - min(std, mean), mean + min(std, 100 - mean), color=colour, alpha=0.15)
