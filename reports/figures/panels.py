"""Lines of several methods: in one pair of axes, or in a panel each if they are many."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.style import FONT, INK, OTHERS, SMALL, canvas, heading_of, one_pair_of_axes, style_of
from reports.titles import method_title

MANY, COLUMNS = 7, 4
"""Methods, or lines, that one pair of axes can hold; more get a panel each, in so many columns."""

PANEL_HEIGHT = 1.6

Draw = Callable[[Axes, str], None]
"""Draws one method."""

Finish = Callable[[Axes], None]
"""Sets the axes up when all lines are there."""


def draw_methods(
    names: Sequence[str], draw: Draw, finish: Finish, *, xlabel: str, ylabel: str, lines: int = 0
) -> Figure:
    """Draw all methods into one pair of axes with a legend, or many of them, or of their lines, into a panel each.

    So are settings of one method, which have one colour.
    """
    if max(len(names), lines) > MANY or len({style_of(name) for name in names}) < len(names):
        return _draw_panels(names, draw, finish, xlabel=xlabel, ylabel=ylabel)
    figure, axes = one_pair_of_axes()
    for name in names:
        draw(axes, name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    finish(axes)
    handles, labels = axes.get_legend_handles_labels()
    # In the order in which the lines end, from top to bottom.
    order = sorted(range(len(labels)), key=lambda index: -_end(handles[index]))
    axes.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
    )
    return figure


def _end(handle: object) -> float:
    line = handle if isinstance(handle, Line2D) else handle[0]  # type: ignore[index]  # an error bar's first part
    return float(np.asarray(line.get_ydata(), dtype=float)[-1])


def grid_of_panels(count: int, *, height: float = PANEL_HEIGHT, same_heights: bool = True) -> tuple[Figure, list[Axes]]:
    """Make so many panels on equal axes, or equal horizontal ones, with tick labels at the bottom of each column."""
    rows, columns = math.ceil(count / COLUMNS), min(COLUMNS, count)
    figure, grid = canvas(rows, columns, height=0.5 + height * rows, font=SMALL, sharex=True, sharey=same_heights)
    for axes in grid.flat[count:]:
        axes.remove()
    for axes in grid.flat[max(count - COLUMNS, 0) : count]:
        axes.tick_params(labelbottom=True)
    return figure, list(grid.flat[:count])


def _draw_panels(names: Sequence[str], draw: Draw, finish: Finish, *, xlabel: str, ylabel: str) -> Figure:
    """Draw each method into a panel of its own, on equal axes, with all the others in grey behind it."""
    figure, panels = grid_of_panels(len(names))
    kinds: dict[str, Line2D] = {}
    for name, axes in zip(names, panels, strict=True):
        draw(axes, name)
        axes.set_title(heading_of(name), fontsize=SMALL)
        kinds |= _kinds_of_lines(axes.lines, method_title(name))
    drawn = [list(axes.lines) for axes in panels]
    for axes, own in zip(panels, drawn, strict=True):
        _draw_behind(axes, [line for lines in drawn if lines is not own for line in lines])
        finish(axes)
    figure.supxlabel(xlabel, fontsize=FONT)
    figure.supylabel(ylabel, fontsize=FONT)
    if len(kinds) > 1:
        handles = [_in_ink(line) for line in kinds.values()]
        figure.legend(handles, list(kinds), loc="outside upper center", ncols=len(kinds), frameon=False, fontsize=SMALL)
    return figure


def _draw_behind(axes: Axes, lines: Sequence[Line2D]) -> None:
    """Draw lines of other panels in grey behind what is there."""
    look = {"linewidth": 0.8, "zorder": 1}
    levels = [line for line in lines if line.axes is not None and line.get_transform() != line.axes.transData]
    for line in levels:  # across the whole width, whatever the horizontal axis is
        axes.axhline(float(np.asarray(line.get_ydata())[0]), color=OTHERS, **look)
    curves = [np.column_stack(line.get_data()) for line in lines if line not in levels]
    axes.add_collection(LineCollection(curves, colors=OTHERS, **look))


def _kinds_of_lines(lines: Sequence[Line2D], title: str) -> dict[str, Line2D]:
    """What the labels of lines say beside the method, each with such a line."""
    prefix = f"{title}, "
    labels = {str(line.get_label()): line for line in lines}
    return {label.removeprefix(prefix): line for label, line in labels.items() if label.startswith(prefix)}


def _in_ink(line: Line2D) -> Line2D:
    """Make a line dashed like another one, for a legend of all methods."""
    copy = Line2D([], [])
    copy.update_from(line)
    copy.set(color=INK, marker="")
    return copy
