"""Speed of the kernels against the number of time steps."""

import pandas as pd
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from reports.figures.drawing import Drawing
from reports.figures.scales import time_axis
from reports.figures.style import INK, UNKNOWN, one_pair_of_axes, style_of
from reports.model import Note

TITLES = {
    "reference": ("reference\nin PyTorch", "center"),
    "kernels": ("our kernels", "bottom"),
    "memory": ("moving the\nsame bytes", "top"),
}
"""What each is called in the figure, and where beside its last point."""


def kernel_speed(kernels: pd.DataFrame) -> Drawing | None:
    """Nanoseconds a neuron and time step, forward and backward together, against T.

    Parameters
    ----------
    kernels : DataFrame
        See `reports.kernel_times`.

    Returns
    -------
    Drawing or None
        None if there are no times.
    """
    if kernels.empty:
        return None
    figure, axes = one_pair_of_axes(height=3.4)
    cost = 1e6 * kernels["milliseconds"] / (kernels["time_steps"] * kernels["neurons"])
    table = kernels.assign(nanoseconds=cost)
    # A line joins layers of one size: where more bytes are moved, caches count less.
    size = table.groupby("neurons")["time_steps"].nunique().idxmax()
    colours = {"reference": UNKNOWN, "kernels": style_of("tssl_bp").color, "memory": INK}
    for what, (title, side) in TITLES.items():
        rows = table[table["what"] == what].sort_values(["time_steps", "nanoseconds"])
        if rows.empty:
            continue
        line, others = rows[rows["neurons"] == size], rows[rows["neurons"] != size]
        axes.plot(line["time_steps"], line["nanoseconds"], "o-", color=colours[what], markersize=5)
        axes.plot(others["time_steps"], others["nanoseconds"], "o", color=colours[what], markersize=5, fillstyle="none")
        last = (line if len(line) else others).iloc[-1]
        axes.annotate(
            title,
            (1.01, last["nanoseconds"]),
            xycoords=("axes fraction", "data"),
            va=side,
            color=colours[what],
            annotation_clip=False,
        )
    time_axis(axes, FixedLocator(sorted(kernels["time_steps"].unique())))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="time steps T", ylabel="ns a neuron and time step")
    machines = sorted(set(kernels[["processor", "threads"]].itertuples(index=False, name=None)))
    return Drawing(figure, Note("kernels_figure", {"machines": machines}))
