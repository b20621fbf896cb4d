"""Axes of accuracy and of time."""

from collections.abc import Iterable

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

ROUND = (0, 50, 90, 95, 99, 80, 98, 70, 97, 20, 40, 60, 85, 96, 10, 30, 75, 65, 99.5, 100)
"""Possible ticks, the roundest first."""

FEW, FINER = 4, (1.0, 0.5, 0.1)
"""With fewer ticks, those at multiples of these are possible, too."""

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
        ticks: list[float] = []
        for step in (None, *FINER):
            if len(ticks) < FEW:
                values = ROUND if step is None else step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
                ticks = _with_room(ticks, [value for value in values if low <= value <= min(high, FULL)], low, high)
        return sorted(ticks)


def _with_room(ticks: list[float], values: list[float], low: float, high: float) -> list[float]:
    """Add those values to ticks that have room beside the others."""
    least = NEAREST * (stretched(high) - stretched(low))
    places = [float(stretched(tick)) for tick in ticks]
    result = list(ticks)
    for value, place in zip(values, stretched(np.array(values, dtype=float)).tolist(), strict=True):
        if all(abs(place - other) >= least for other in places):
            result.append(value)
            places.append(place)
    return result


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
