"""Target spike trains: how near outputs come to them, how many a network can hold, and what they look like."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from reports.cells import PROBLEM
from reports.figures.drawing import Drawing
from reports.figures.panels import grid_of_panels
from reports.figures.style import FONT, INK, SMALL, canvas, style_of
from reports.model import Note
from reports.titles import dataset_title, learns_random_trains, method_title
from tssl_core.architecture import parse_architecture

SCALES = {"patterns": "patterns", "time_steps": "time steps T", "depth": "hidden layers"}
"""What makes a problem harder, one thing at a time."""

WRONG = "#e8503a"
"""Colour of spikes that should not be."""

MOST_ROWS, SHOWN_EPOCHS = 8, 3
"""Methods, and stages of training, of a picture of outputs."""


def distance_curves(finished: pd.DataFrame, epochs: pd.DataFrame) -> Drawing | None:
    """Mean van Rossum distance of outputs and targets against epochs, a panel and scale a problem, a band over seeds.

    Parameters
    ----------
    finished, epochs : DataFrame
        Finished runs with target spike trains, and the epochs of all runs.
    """
    if "test_van_rossum" not in epochs:
        return None
    curves = epochs.merge(finished[["run_key", "method", "accuracy_last", *PROBLEM]], on="run_key").dropna(
        subset="test_van_rossum"
    )
    if curves.empty:
        return None
    problems = list(curves.groupby(PROBLEM, sort=True))
    figure, panels = grid_of_panels(len(problems), same_heights=False)
    for axes, (_, points) in zip(panels, problems, strict=True):
        axes.set_title(_describe_problem(points), fontsize=SMALL - 1)
        for name, of_method in points.groupby("method", sort=True):
            _curve(axes, str(name), of_method.groupby("epoch")["test_van_rossum"])
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(figure, curves["method"])
    figure.supxlabel("epoch", fontsize=FONT)
    figure.supylabel("van Rossum distance", fontsize=FONT)
    return Drawing(figure, Note("distance_figure"))


def reach(finished: pd.DataFrame) -> Drawing | None:
    """Runs whose outputs all were their targets after some epoch, against what makes that harder; one thing at a time.

    Parameters
    ----------
    finished : DataFrame
        Finished runs on random target trains.

    Returns
    -------
    Drawing or None
        None unless at least one of `SCALES` has several values with the others as in most runs.
    """
    runs = finished.assign(depth=finished["architecture"].map(lambda text: len(parse_architecture(text).layers)))
    usual = {name: runs[name].mode().iloc[0] for name in SCALES} if len(runs) else {}
    parts = {}
    for name in SCALES:
        others = [other for other in SCALES if other != name]
        alike = runs[np.logical_and.reduce([runs[other] == usual[other] for other in others])] if usual else runs
        if alike[name].nunique() > 1:
            parts[name] = alike
    if not parts:
        return None
    figure, grid = canvas(1, len(parts), height=3.2, font=SMALL, sharey=True)
    for axes, (name, alike) in zip(grid[0], parts.items(), strict=True):
        places = sorted(alike[name].unique())
        for shift, (method, of_method) in enumerate(alike.groupby("method", sort=True)):
            rate = 100 * of_method.groupby(name)["steps_to_exact"].apply(lambda steps: steps.notna().mean())
            # Side by side, as many methods lie on 0 and 100 %.
            x = [places.index(value) + 0.06 * (shift - 3.5) for value in rate.index]
            axes.plot(x, rate, **style_of(str(method))._asdict(), markersize=4, linewidth=1)
        axes.set_xticks(range(len(places)), [f"{value:.0f}" for value in places])
        axes.set(xlabel=SCALES[name], ylim=(-5, 105))
    grid[0, 0].set_ylabel("runs that became exact (%)")
    _legend(figure, finished["method"])
    return Drawing(figure, Note("reach_figure"))


def outputs_while_learning(finished: pd.DataFrame, rasters: pd.DataFrame) -> Drawing | None:
    """Target, and outputs of each method early, midway and at the end; a row a neuron, time to the right.

    Parameters
    ----------
    finished, rasters : DataFrame
        Finished runs with target spike trains, and `reports.load.Results.output_rasters`.
    """
    rows = shown_rasters(finished, rasters)
    if not stages_of(rows):  # no output ever spiked
        return None
    names = methods_by_distance(rows)[:MOST_ROWS]
    stages = stages_of(rows)[:: max(1, (len(stages_of(rows)) - 1) // (SHOWN_EPOCHS - 1))][: SHOWN_EPOCHS - 1]
    stages = [*stages, stages_of(rows)[-1]]
    figure, grid = canvas(len(names), len(stages) + 1, height=0.5 + 0.85 * len(names), font=SMALL, look="white")
    for row, name in enumerate(names):
        of_method = rows[rows["method"] == name]
        target = cells_of(of_method, 0)
        for column, epoch in enumerate([*stages, 0]):
            axes = grid[row, column]
            draw_cells(axes, cells_of(of_method, epoch), target)
            if row == 0:
                axes.set_title("target" if epoch == 0 else f"epoch {epoch}", fontsize=SMALL)
        grid[row, 0].set_ylabel(
            method_title(name).replace(", ", "\n"), fontsize=SMALL - 1, rotation=0, ha="right", va="center"
        )
    return Drawing(figure, Note("outputs_figure"))


def shown_rasters(finished: pd.DataFrame, rasters: pd.DataFrame) -> pd.DataFrame:
    """Rasters of one sample of one problem with their runs' methods: a target that is not drawn, or what most have."""
    known = finished[finished["run_key"].isin(rasters["run_key"])]
    if known.empty:
        return rasters.iloc[:0]
    methods = known.groupby(PROBLEM)["method"].transform("nunique")
    order = known.assign(
        _other=learns_random_trains(known) | known["accuracy_last"].notna(),
        _few=-methods,
        _short=-known["time_steps"].astype(int),
    )
    first = order.sort_values(["_other", "_few", "_short", *PROBLEM], kind="stable").iloc[0]
    same = known[np.logical_and.reduce([known[name] == first[name] for name in PROBLEM])]
    columns = ["run_key", "method", "time_steps", "van_rossum"]
    rows = rasters.merge(same[columns], on="run_key")
    first_sample: pd.DataFrame = rows[rows["sample"] == rows["sample"].min()]
    return first_sample


def methods_by_distance(rows: pd.DataFrame) -> list[str]:
    """Methods of some rasters, the nearest to its target first."""
    distance = rows.groupby("method")["van_rossum"].first().sort_values(kind="stable")
    return [str(name) for name in distance.index]


def stages_of(rows: pd.DataFrame) -> list[int]:
    """Epochs after which outputs are known."""
    return [int(epoch) for epoch in sorted(rows["epoch"].unique()) if epoch > 0]


def cells_of(rows: pd.DataFrame, epoch: int) -> np.ndarray:
    """Spikes of one run after an epoch, or of its target (0): bool, ``[neurons, T]``."""
    target = rows[rows["epoch"] == 0]
    spikes = rows[rows["epoch"] == epoch]
    neurons = int(max(target["neuron"].max(), rows["neuron"].max())) + 1
    cells = np.zeros((neurons, int(rows["time_steps"].iloc[0])), dtype=bool)
    cells[spikes["neuron"].to_numpy(int), spikes["step"].to_numpy(int)] = True
    return cells


def draw_cells(axes: Axes, cells: np.ndarray, target: np.ndarray) -> None:
    """Draw a raster: right spikes dark, wrong ones in red."""
    shown = np.where(cells & ~target, 2, np.where(cells, 1, 0))
    axes.imshow(
        shown, aspect="auto", interpolation="nearest", cmap=ListedColormap(["white", INK, WRONG]), vmin=0, vmax=2
    )
    axes.xaxis.set_major_locator(NullLocator())
    axes.yaxis.set_major_locator(NullLocator())


def _curve(axes: Axes, name: str, by_epoch: "pd.api.typing.SeriesGroupBy") -> None:  # type: ignore[type-arg]
    mean, std = by_epoch.mean(), by_epoch.std()
    colour = style_of(name).color
    axes.plot(mean.index, mean, color=colour, linewidth=1)
    if std.notna().any():
        axes.fill_between(mean.index, mean - std, mean + std, color=colour, alpha=0.2, linewidth=0)


def _legend(figure: Figure, methods: pd.Series) -> None:
    names = sorted({str(name) for name in methods})
    handles = [figure.axes[0].plot([], [], **style_of(name)._asdict(), markersize=4)[0] for name in names]
    titles = [method_title(name) for name in names]
    figure.legend(handles, titles, loc="outside upper center", ncols=4, frameon=False, fontsize=SMALL)


def _describe_problem(runs: pd.DataFrame) -> str:
    first = runs.iloc[0]
    layers = f"{first['architecture']}, T = {first['time_steps']}"
    if learns_random_trains(runs).all():
        return f"{first['patterns']:.0f} pattern{'s' if first['patterns'] != 1 else ''}, {layers}"
    return f"{dataset_title(first['dataset'])},\n{layers}"


def frames(finished: pd.DataFrame, rasters: pd.DataFrame) -> Iterator[tuple[str, dict[str, np.ndarray], np.ndarray]]:
    """Stages of learning for an animated picture: a title, outputs by method, and the target."""
    rows = shown_rasters(finished, rasters)
    names = methods_by_distance(rows) if len(rows) else []
    for epoch in stages_of(rows):
        outputs = {name: cells_of(rows[rows["method"] == name], epoch) for name in names}
        yield f"epoch {epoch}", outputs, cells_of(rows[rows["method"] == names[0]], 0)
