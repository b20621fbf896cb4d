"""How every figure looks: one colour and marker a method everywhere, sizes for the width of a Markdown page, files."""

import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from baselines.method import available_methods
from reports.titles import method_title

MARKERS = "osD^vPX*"
SHADES = (1.0, 0.6, 0.3)
"""Brightness of the palette's first, second and third round."""

GREY = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness."""

MOST_BRIGHT, DARK = 0.7, 0.55
"""Colours of lines on white are no brighter, and text on what is darker is white."""

UNKNOWN, OTHERS, INK = "#666666", "#d4d4d4", "#333333"
"""Colours of a method that is not known here, of what stands back, and of what belongs to no method."""

WIDTH, HEIGHT, DPI = 7.5, 4.2, 150
"""Inches, and pixels an inch: a page is 800 to 1000 pixels wide, on which 8 points are about 12 pixels."""

FONT, SMALL = 10, 8

PANEL_LETTERS = 28
"""Letters of the small font that are as wide as a panel, four of which are as wide as a page."""


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
        colour *= min(1.0, MOST_BRIGHT / brightness(colour))
        looks[name] = Style(to_hex(tuple(colour)), MARKERS[index % len(MARKERS)])
    return looks


def brightness(colour: str | np.ndarray) -> float:
    """Brightness of a colour in grey, 0 to 1."""
    return float(np.array(to_rgb(colour)) @ GREY)  # type: ignore[arg-type]


def on_top_of(colour: str) -> str:
    """Colour of text that can be read on a colour."""
    return "white" if brightness(colour) < DARK else INK


def style_of(method: str) -> Style:
    """Style of a method, or of the method that it is a variant of; grey for one that is not known here."""
    known = styles()
    without_setting = method.partition(", ")[0]
    return known.get(without_setting) or known.get(method.partition(":")[0]) or Style(UNKNOWN, ".")


def heading_of(method: str) -> str:
    """Title of a method, in as many lines as a panel needs for it; a setting and its value stay together."""
    together = method_title(method).replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
    return textwrap.fill(together, PANEL_LETTERS).replace("\N{NO-BREAK SPACE}", " ")


def canvas(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float = HEIGHT,
    font: int = FONT,
    look: str = "whitegrid",
    gap: float = 0.02,
    **options: Any,
) -> tuple[Figure, np.ndarray]:
    """Make a figure as wide as a page, and an array ``[rows, columns]`` of its axes.

    Parameters
    ----------
    rows, columns : int
        Of axes.
    height : float
        Inches.
    font : int
        Size of text, points.
    look : str
        Of seaborn's styles.
    gap : float
        Between axes, as a fraction of their size.
    options
        Of `Figure.subplots`.
    """
    with mpl.rc_context({"font.size": font}), sns.axes_style(look):
        figure = Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(wspace=gap, hspace=gap))
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def one_pair_of_axes(**options: Any) -> tuple[Figure, Axes]:
    """Make a figure with a single pair of axes; options are those of `canvas`."""
    figure, grid = canvas(**options)
    axes: Axes = grid[0, 0]
    return figure, axes


def save(figure: Figure, folder: Path, stem: str) -> None:
    """Write a figure as PNG and as SVG; the same figure gives the same bytes, as neither has a date or a version."""
    sns.despine(fig=figure)
    # Where someone's settings name a layout, a figure without one would take it.
    with mpl.rc_context({"svg.hashsalt": stem, "figure.autolayout": False, "figure.constrained_layout.use": False}):
        _fix_layout(figure)
        figure.savefig(folder / f"{stem}.png", dpi=DPI, metadata={"Software": None})
        figure.savefig(folder / f"{stem}.svg", metadata={"Date": None, "Creator": None})


def _fix_layout(figure: Figure) -> None:
    """Lay a figure out once and for all, on round places: the last digits of a layout are not the same each time."""
    figure.draw_without_rendering()
    # "none" would leave a placeholder, for whose sake each file is drawn twice.
    figure.set_layout_engine(None)
    for axes in figure.axes:
        left, bottom, width, height = (round(place, 4) for place in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))
    for text in figure.texts:
        right, up = text.get_position()
        text.set_position((round(right, 4), round(up, 4)))
