"""Axes of accuracy and of time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullLocator

from baselines.method import is_spiking

FULL, MARGIN = 100.0, 0.5
"""A stretched axis has the logarithm of what is lacking to 100 %, and half a point so that 100 % itself is on it."""

DECADE, MOST_TICKS = 10, 7
"""An axis whose ends lack so different amounts to 100 % has ticks at 99, 98, 95, 90, 80, 50 %, another one at equal
distances.
"""

LEAST_SPAN = 1.0
"""Percentage points that an axis has at least, so that nothing looks like a difference that is none."""

PAPER_STEPS = 5
"""T of most results of the paper."""


class AccuracyLocator(Locator):
    """Round accuracies, closer to each other towards 100 %."""

    def __call__(self) -> Sequence[float]:
        """Ticks of the axis as it is."""
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Ticks between two accuracies in percent."""
        low, high = sorted((vmin, min(vmax, FULL)))
        least, most = max(MARGIN, FULL - high), FULL - low
        if most >= DECADE * least:
            lacking = LogLocator(subs=(1, 2, 5)).tick_values(least, most)
            return [FULL - value for value in lacking[::-1] if least <= value <= most]
        return [*MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10]).tick_values(low, high)]

    def nonsingular(self, v0: float, v1: float) -> tuple[float, float]:
        """Widen an axis that would be too narrow."""
        low, high = super().nonsingular(v0, v1) if not np.isfinite([v0, v1]).all() else sorted((v0, v1))
        lacking = max(0.0, LEAST_SPAN - (high - low)) / 2
        return low - lacking, high + lacking


def stretched(percent: float | np.ndarray) -> np.ndarray:
    """Place of an accuracy on the axis."""
    place: np.ndarray = -np.log10(np.maximum(FULL + MARGIN - np.asarray(percent, dtype=float), 1e-9))
    return place


def _accuracy_at(place: np.ndarray) -> np.ndarray:
    percent: np.ndarray = FULL + MARGIN - 10 ** -np.asarray(place, dtype=float)
    return percent


def stretch(axes: Axes, direction: str = "y") -> None:
    """Give an axis of accuracies in percent more room the nearer they are to 100."""
    axis: Axis = axes.yaxis if direction == "y" else axes.xaxis
    (axes.set_yscale if direction == "y" else axes.set_xscale)("function", functions=(stretched, _accuracy_at))
    axis.set_major_locator(AccuracyLocator())
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))


def within_bounds(mean: pd.Series, std: pd.Series) -> tuple[pd.Series, pd.Series]:
    """How far one standard deviation reaches below and above means in percent, without leaving 0 to 100."""
    return std.clip(upper=mean), std.clip(upper=FULL - mean)


def time_axis(axes: Axes, ticks: Locator) -> None:
    """Make the horizontal axis one of time steps, logarithmic."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")


def time_steps_of(runs: pd.DataFrame) -> np.ndarray:
    """Every T of the spiking methods among some runs, sorted."""
    return np.unique(runs.loc[runs["method"].map(is_spiking), "time_steps"].to_numpy(int))


def chosen_time_steps(runs: pd.DataFrame) -> int | None:
    """The T of which a figure shows more than accuracy: the paper's 5, or else the largest; None without spikes."""
    steps = time_steps_of(runs).tolist()
    return None if not steps else PAPER_STEPS if PAPER_STEPS in steps else int(steps[-1])
