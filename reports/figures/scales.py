"""Axes of accuracy and of time."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, NullLocator

from baselines.method import is_spiking

FULL, MARGIN = 100.0, 0.5
"""A stretched axis has the logarithm of what is lacking to 100 %, and half a point so that 100 % itself is on it."""

NEAREST = 0.09
"""Ticks are at least so far apart, as a fraction of the axis."""

DIGITS_APART = 0.2
"""The same for a logarithmic axis, whose labels stand beside each other."""

ROUND = (0, 50, 90, 95, 99, 80, 98, 70, 97, 20, 40, 60, 85, 96, 10, 30, 75, 65, 99.5, 100)
"""Possible ticks, the roundest first."""

FEW, FINER = 4, (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""An axis with room for fewer ticks than that has multiples of the first of these that leave room between them."""

LEAST_SPAN = 1.0
"""Percentage points that an axis has at least, so that nothing looks like a difference that is none."""

FEW_DIGITS = 2
DIGITS, MORE_DIGITS = (1, 2, 5, 3, 7, 4, 6, 8, 9), (1.5, 2.5, *(digit / 10 for digit in range(12, 100, 2)))
"""First digits of possible ticks of a logarithmic axis, the roundest first, and more where these are too few."""

ROUND_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

PAPER_STEPS = 5
"""T of most results of the paper."""


class AccuracyLocator(Locator):
    """Round accuracies, as many as the axis has room for."""

    def __call__(self) -> list[float]:
        """Ticks of the axis as it is."""
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Ticks between two accuracies in percent."""
        low, high = sorted((vmin, vmax))
        high = min(high, FULL)
        span = float(stretched(high) - stretched(low))
        ticks = with_room([value for value in ROUND if low <= value <= high], NEAREST * span, stretched)
        for step in FINER if len(ticks) < FEW else ():
            multiples = [round(step * n, 1) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
            if multiples and len(with_room(multiples, NEAREST * span, stretched)) == len(multiples):
                return multiples
        return ticks

    def nonsingular(self, v0: float, v1: float) -> tuple[float, float]:
        """Widen an axis that would be too narrow."""
        low, high = super().nonsingular(v0, v1) if not np.isfinite([v0, v1]).all() else sorted((v0, v1))
        lacking = max(0.0, LEAST_SPAN - (high - low)) / 2
        return low - lacking, high + lacking


def with_room(values: Iterable[float], least: float, place_of: Callable[[float], float | np.ndarray]) -> list[float]:
    """Those values whose place is not less than `least` from that of an earlier one, sorted."""
    kept: dict[float, float] = {}
    for value in values:
        place = float(place_of(value))
        if all(abs(place - other) >= least for other in kept.values()):
            kept[value] = place
    return sorted(kept)


def round_numbers(low: float, high: float) -> list[float]:
    """Round numbers between two, for ticks of a logarithmic axis that have room beside each other."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for digits in (DIGITS, (*DIGITS, *MORE_DIGITS)):
        numbers = [float(f"{digit}e{decade}") for digit in digits for decade in decades]
        ticks = with_room([n for n in numbers if low <= n <= high], DIGITS_APART * math.log10(high / low), math.log10)
        if len(ticks) >= FEW_DIGITS:
            break
    return ticks


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


def time_axis(axes: Axes, ticks: Iterable[float]) -> None:
    """Make the horizontal axis one of time steps, logarithmic."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")


def time_steps_of(runs: pd.DataFrame) -> np.ndarray:
    """Every T of the spiking methods among some runs, sorted."""
    return np.unique(runs.loc[runs["method"].map(is_spiking), "time_steps"].to_numpy(int))


def chosen_time_steps(runs: pd.DataFrame) -> int | None:
    """The T of which a figure shows more than accuracy: the paper's 5, or else the largest; None without spikes."""
    steps = time_steps_of(runs).tolist()
    return None if not steps else PAPER_STEPS if PAPER_STEPS in steps else int(steps[-1])
