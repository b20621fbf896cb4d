"""Statistics over seeds: mean and spread, paired differences, and how sure they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

LEVEL = 0.95
RESAMPLES = 2000
FEWEST = 3
"""Seeds that an interval needs; below that nothing is said about noise."""


@dataclass(frozen=True)
class Difference:
    """A mean difference and its interval, in the units of what was compared.

    Parameters
    ----------
    mean : float
        Of the differences.
    low, high : float
        Ends of the percentile bootstrap interval at `LEVEL`; NaN with fewer than `FEWEST` values.
    n : int
        Number of pairs, or of runs of the smaller group if the runs are not paired.
    paired : bool
        Whether runs of one seed were compared with each other.
    """

    mean: float
    low: float
    high: float
    n: int
    paired: bool = True

    @property
    def decided(self) -> bool:
        """Whether there is an interval."""
        return not np.isnan(self.low)

    @property
    def is_noise(self) -> bool:
        """Whether the interval holds 0: the difference may come from the seeds alone."""
        return self.decided and self.low <= 0 <= self.high

    def in_words(self, noise: str) -> str:
        """What it says: ``higher``, ``lower``, `noise`, or that there are too few seeds to tell."""
        if not self.decided:
            return f"undecided: {FEWEST} seeds are needed"
        if self.is_noise:
            return noise
        return "higher" if self.mean > 0 else "lower"

    def times(self, factor: float) -> "Difference":
        """In other units."""
        return Difference(factor * self.mean, factor * self.low, factor * self.high, self.n, self.paired)

    def __str__(self) -> str:
        interval = f" [{self.low:+z.2f}, {self.high:+z.2f}]" if self.decided else ""
        return f"{self.mean:+z.2f}{interval}"


def mean_interval(values: Sequence[float]) -> Difference:
    """Mean of some values with its bootstrap interval over them.

    With few seeds a percentile interval is narrow: at three it is the range of the values, so that 0 lies outside
    only if all seeds agree. The resampling has a fixed seed.

    Parameters
    ----------
    values : sequence of float
        At least one.
    """
    array = np.asarray(values, dtype=float)
    mean = float(array.mean())
    if len(array) < FEWEST:
        return Difference(mean, np.nan, np.nan, len(array))
    if np.ptp(array) == 0:
        return Difference(mean, mean, mean, len(array))
    low, high = _bootstrap([array.tolist()], np.mean)
    return Difference(mean, low, high, len(array))


def paired_difference(ours: pd.DataFrame, theirs: pd.DataFrame, metric: str) -> Difference | None:
    """Mean of `ours` less `theirs`, run by run of the same seed.

    Parameters
    ----------
    ours, theirs : DataFrame
        Runs of one cell each, with ``seed`` and `metric`.
    metric : str
        What to compare.

    Returns
    -------
    Difference or None
        None if no seed has a value in both.
    """
    pairs = _by_seed(ours, metric).to_frame("ours").join(_by_seed(theirs, metric).to_frame("theirs"), how="inner")
    pairs = pairs.dropna()
    if pairs.empty:
        return None
    return mean_interval((pairs["ours"] - pairs["theirs"]).tolist())


def difference(ours: pd.DataFrame, theirs: pd.DataFrame, metric: str) -> Difference | None:
    """As `paired_difference` where at least `FEWEST` seeds are in both, else of means of unpaired runs."""
    paired = paired_difference(ours, theirs, metric)
    if paired is not None and (paired.decided or paired.n == max(len(ours), len(theirs))):
        return paired
    first, second = ours[metric].dropna().tolist(), theirs[metric].dropna().tolist()
    if not first or not second:
        return None
    n, mean = min(len(first), len(second)), fmean(first) - fmean(second)
    if n < FEWEST:
        return Difference(mean, np.nan, np.nan, n, paired=False)
    low, high = _bootstrap([first, second], lambda a, b, axis=-1: a.mean(axis=axis) - b.mean(axis=axis))
    return Difference(mean, low, high, n, paired=False)


def _by_seed(runs: pd.DataFrame, metric: str) -> pd.Series:
    return runs.groupby("seed")[metric].mean()


def _bootstrap(samples: Sequence[list[float]], statistic: Callable[..., Any]) -> tuple[float, float]:
    result = bootstrap(
        samples,
        statistic,
        confidence_level=LEVEL,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
        vectorized=True,
    )
    interval = result.confidence_interval
    return float(interval.low), float(interval.high)
