"""The spikes of one test sample on their way through the networks of some methods."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator, NullLocator

from benchmarks.metrics.raster import MOST_NEURONS
from reports.figures.activity import layer_order, of_chosen_time_steps
from reports.figures.drawing import Drawing
from reports.figures.style import FONT, INK, SMALL, canvas, heading_of, style_of
from reports.model import Note
from reports.published import METHOD

MOST_METHODS, LONG = 4, 30
"""Methods beside each other; longer windows than so many steps have the whole width for one."""

MOST_INCHES = 6.0
"""Height of all layers together."""

OUTPUT = "output"


def spikes_of_a_sample(finished: pd.DataFrame, raster: pd.DataFrame) -> Drawing | None:
    """Draw a column a method and a row a layer, the output on top; a dark cell is a spike, time goes to the right.

    Parameters
    ----------
    finished, raster : DataFrame
        Finished runs that compare, and the rasters of some of them; shown are those of one T.

    Returns
    -------
    Drawing or None
        None if there are none.
    """
    rows = of_chosen_time_steps(finished, raster)
    if rows.empty:
        return None
    steps = int(rows["time_steps"].iloc[0])
    samples, seeds = (sorted(set(rows[column])) for column in ("sample", "seed"))
    names = shown_methods(rows, 1 if steps > LONG else MOST_METHODS)
    rows = rows[rows["method"].isin(names)]
    layers = [*layer_order(rows)][::-1]
    sizes = rows.groupby("layer")["neurons"].max()
    heights = [0.5 + min(sizes[layer], MOST_NEURONS) / MOST_NEURONS for layer in layers]
    scale = min(1.0, MOST_INCHES / sum(heights))
    figure, grid = canvas(
        len(layers),
        len(names),
        height=0.9 + scale * sum(heights),
        font=SMALL,
        look="white",
        sharex=True,
        gridspec_kw={"height_ratios": heights},
    )
    for column, name in enumerate(names):
        of_method = rows[rows["method"] == name]
        first = of_method.iloc[0]
        grid[0, column].set_title(
            f"{heading_of(name)}\nclass {first['label']}, decided as {first['decision']}", fontsize=SMALL
        )
        for row, layer in enumerate(layers):
            _draw_layer(grid[row, column], of_method[of_method["layer"] == layer], steps, style_of(name).color)
    for row, layer in enumerate(layers):
        grid[row, 0].set_ylabel(f"{layer}\n{sizes[layer]:,}", fontsize=SMALL, rotation=0, ha="right", va="center")
    figure.supxlabel("time step", fontsize=FONT - 1)
    facts = {"samples": samples, "most_neurons": MOST_NEURONS, "time_steps": steps, "seeds": seeds}
    return Drawing(figure, Note("raster_figure", facts))


def shown_methods(rows: pd.DataFrame, most: int) -> list[str]:
    """Choose methods with a raster: TSSL-BP first, methods before their presets, the more accurate first."""
    names = rows.groupby("method")["accuracy_last"].first()
    order = sorted(names.index, key=lambda name: (name != METHOD, ":" in name, -names[name], name))
    return [str(name) for name in order[:most]]


def _draw_layer(axes: Axes, rows: pd.DataFrame, steps: int, colour: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    axes.yaxis.set_major_locator(NullLocator())
    if rows.empty:
        axes.annotate(
            "does not spike", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=SMALL - 1
        )
        return
    neurons = int(rows["neurons"].iloc[0])
    shown = min(neurons, MOST_NEURONS)
    cells = np.zeros((shown, steps), dtype=bool)
    for neuron, spikes in zip(rows["neuron"], rows["spikes"], strict=True):
        # The neurons that are shown are spread evenly, so that the place in the layer tells the row.
        cells[round(neuron * (shown - 1) / max(neurons - 1, 1))] = np.array(list(spikes)) == "1"
    extent = (0.5, steps + 0.5, -0.5, shown - 0.5)
    axes.imshow(
        cells,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        extent=extent,
        cmap=ListedColormap(["white", colour]),
        vmin=0,
        vmax=1,
    )
    if steps <= LONG:
        for step in range(1, steps):
            axes.axvline(step + 0.5, color=INK, linewidth=0.3)
    if not cells.any():
        axes.annotate("no spikes", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=SMALL - 1)
    if rows["layer"].iloc[0] == OUTPUT:
        axes.set_yticks(sorted({rows["label"].iloc[0], rows["decision"].iloc[0]}))
        axes.tick_params(axis="y", labelsize=SMALL - 1, length=0)
