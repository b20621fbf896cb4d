"""How every figure looks: one colour and marker a method everywhere, sizes for the width of a Markdown page, files."""

import textwrap
from collections.abc import Mapping
from colorsys import hls_to_rgb, rgb_to_hls
from functools import cache
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
COLOURS = {
    "tssl_bp": "#0072b2",
    "stbp": "#e69f00",
    "slayer": "#cc79a7",
    "bptt": "#d55e00",
    "ann": "#222222",
    "converted": "#009e73",
    "qcfs": "#7a6fbf",
    "tet": "#56b4e9",
    "eventprop": "#8c6d31",
}
"""Of the suite's own methods, far from each other also for who does not tell red from green (Okabe and Ito); another
method takes the next of `MORE_COLOURS`."""

MORE_COLOURS = ("#999933", "#aa4499", "#44aa99", "#882255", "#ddaa33")

SHADES = ((0.06, 0.75), (-0.06, 1.25), (0.12, 0.55), (-0.12, 0.9))
"""What is added to the hue, and by what lightness is multiplied, for the first preset of a method, the second, ..."""

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


@cache
def styles() -> Mapping[str, Style]:
    """Style of every method and preset, by name; presets have shades of their method's colour, and other markers."""
    methods = available_methods()
    others = [name for name in methods if name not in COLOURS]
    colours = COLOURS | {name: MORE_COLOURS[index % len(MORE_COLOURS)] for index, name in enumerate(others)}
    looks = {}
    for index, (name, method) in enumerate(methods.items()):
        looks[name] = Style(not_too_bright(colours[name]), MARKERS[index % len(MARKERS)])
        for number, preset in enumerate(method.presets):
            marker = MARKERS[(index + number + 1) % len(MARKERS)]
            looks[f"{name}:{preset}"] = Style(shade(colours[name], number), marker)
    return looks


def shade(colour: str, number: int) -> str:
    """Another colour near one, see `SHADES`; the second round is darker."""
    round_, place = divmod(number, len(SHADES))
    hue, lightness, saturation = rgb_to_hls(*to_rgb(colour))
    turn, factor = SHADES[place]
    lightness = min(0.9, max(0.12, lightness * factor * 0.8**round_))
    return not_too_bright(to_hex(hls_to_rgb((hue + turn) % 1, lightness, max(saturation, 0.3))))


def not_too_bright(colour: str) -> str:
    """A colour that is seen on white."""
    return to_hex(tuple(np.array(to_rgb(colour)) * min(1.0, MOST_BRIGHT / brightness(colour))))


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
