"""Statistics over seeds: differences of means with t intervals, Holm's correction, exact intervals of counts."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, nan, sqrt

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit
from scipy.stats import binomtest

LEVEL = 0.95
FEWEST = 3
"""Seeds that an interval needs; below that nothing is said about noise."""

ENOUGH = 5
"""Seeds from which on a comparison is called."""

PUBLISHED_RUNS = 5
"""Repetitions behind a published mean."""

MOST_SEEDS = 1000
"""Above that it is not said how many seeds would decide."""


@dataclass(frozen=True)
class Difference:
    """A mean over seeds less something else, and its t interval, in the units of what was compared.

    Parameters
    ----------
    mean : float
        The difference.
    spread : float
        Standard deviation (n - 1) over seeds, of the differences if seeds are paired; NaN for a single one.
    n : int
        Number of pairs, or of our runs if they are not paired.
    other_error, other_freedom : float
        Standard error of the other mean and its degrees of freedom; 0 and infinite for a number that is taken as it is.
    other_is_one_run : bool
        Whether the other is a single run, which is taken to spread as ours.
    paired : bool
        Whether runs of one seed were compared with each other.
    """

    mean: float
    spread: float
    n: int
    other_error: float = 0.0
    other_freedom: float = inf
    other_is_one_run: bool = False
    paired: bool = True

    @property
    def decided(self) -> bool:
        """Whether there is an interval."""
        return self.n >= FEWEST

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return sqrt(self.spread**2 * (1 / self.n + self.other_is_one_run) + self.other_error**2)

    @property
    def freedom(self) -> float:
        """Degrees of freedom, by Welch and Satterthwaite."""
        ours, theirs = self.spread**2 / self.n, self.other_error**2
        if not theirs:
            return self.n - 1
        return (ours + theirs) ** 2 / (ours**2 / (self.n - 1) + theirs**2 / self.other_freedom)

    @property
    def low(self) -> float:
        """Lower end of the interval at `LEVEL`; NaN with fewer than `FEWEST` seeds."""
        return self.mean - self._half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self._half

    @property
    def _half(self) -> float:
        return float(stdtrit(self.freedom, (1 + LEVEL) / 2)) * self.error if self.decided else nan

    def p_value(self, against: float = 0.0) -> float:
        """Probability, two-sided, of a difference as far from `against` if that were the true one; NaN for one seed."""
        if self.n < 2:
            return nan
        gap = abs(round(self.mean - against, 9))  # decimal fractions such as 89.65 - 89.75 are not exact
        if not self.error:
            return 0.0 if gap else 1.0
        return float(2 * stdtr(self.freedom, -gap / self.error))

    def seeds_to_decide(self, against: float = 0.0, family: int = 1) -> int | None:
        """How many seeds would put the interval to one side of a number if mean and spread stay as they are.

        If the true ones are these, so many seeds do it in about half of all cases.

        Parameters
        ----------
        against : float
            The number.
        family : int
            Of so many comparisons in all, corrected for their number whatever the others give.

        Returns
        -------
        int or None
            None for more than `MOST_SEEDS`, as where what was published is itself too uncertain.
        """
        counts = range(max(self.n, FEWEST), MOST_SEEDS + 1)
        place = bisect_left(counts, True, key=lambda n: family * replace(self, n=n).p_value(against) < 1 - LEVEL)
        return counts[place] if place < len(counts) else None

    def times(self, factor: float) -> "Difference":
        """In other units."""
        return replace(
            self,
            mean=factor * self.mean,
            spread=abs(factor) * self.spread,
            other_error=abs(factor) * self.other_error,
        )

    def __str__(self) -> str:
        interval = f" [{self.low:+z.2f}, {self.high:+z.2f}]" if self.decided else ""
        return f"{self.mean:+z.2f}{interval}"


def mean_difference(values: Sequence[float], less: float = 0.0) -> Difference:
    """Mean of at least one value, less a number that is taken as it is."""
    array = np.asarray(values, dtype=float)
    return Difference(float(array.mean()) - less, _spread(array), len(array))


def less_published(ours: Sequence[float], mean: float, std: float | None) -> Difference:
    """Mean of our runs less a published mean of `PUBLISHED_RUNS` runs; without a published deviation ours is taken."""
    own = mean_difference(ours, mean)
    error = (own.spread if std is None else std) / sqrt(PUBLISHED_RUNS)
    return replace(own, other_error=error, other_freedom=PUBLISHED_RUNS - 1, paired=False)


def less_one_run(ours: Sequence[float], value: float) -> Difference:
    """Mean of our runs less a single published one, which is taken to spread as ours."""
    return replace(mean_difference(ours, value), other_is_one_run=True, paired=False)


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
    return mean_difference((pairs["ours"] - pairs["theirs"]).tolist())


def difference(ours: pd.DataFrame, theirs: pd.DataFrame, metric: str) -> Difference | None:
    """As `paired_difference` where at least `FEWEST` seeds are in both, else Welch's of means of unpaired runs."""
    paired = paired_difference(ours, theirs, metric)
    if paired is not None and (paired.decided or paired.n == max(len(ours), len(theirs))):
        return paired
    values = [runs[metric].dropna().tolist() for runs in (ours, theirs)]
    if not all(values):
        return None
    first, second = map(mean_difference, values)
    if min(first.n, second.n) < FEWEST:
        return Difference(first.mean - second.mean, nan, min(first.n, second.n), paired=False)
    return replace(
        first,
        mean=first.mean - second.mean,
        other_error=second.spread / sqrt(second.n),
        other_freedom=second.n - 1,
        paired=False,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values of a family of comparisons, in their order."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def called(differences: Sequence[Difference | None], noise: str, nothing: str) -> list[str]:
    """What each comparison of a family says: ``higher``, ``lower``, `noise`, or that seeds are lacking.

    Parameters
    ----------
    differences : sequence of Difference or None
        The family; those with at least `ENOUGH` seeds are corrected for their number.
    noise, nothing : str
        Words for a difference that the seeds may have made, and for None.
    """
    tested = {place: found for place, found in enumerate(differences) if found is not None and found.n >= ENOUGH}
    adjusted = dict(zip(tested, holm([found.p_value() for found in tested.values()]), strict=True))
    words = []
    for place, found in enumerate(differences):
        if found is None:
            words.append(nothing)
        elif place not in adjusted:
            words.append(f"open: {ENOUGH} seeds are needed")
        elif adjusted[place] >= 1 - LEVEL:
            words.append(noise)
        else:
            words.append("higher" if found.mean > 0 else "lower")
    return words


def exact_interval(successes: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's interval at `LEVEL` of the probability behind `successes` of `n` runs."""
    interval = binomtest(successes, n).proportion_ci(LEVEL, method="exact")
    return float(interval.low), float(interval.high)


def _spread(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    if len(values) < 2:
        return nan
    return 0.0 if np.ptp(values) == 0 else float(values.std(ddof=1))


def _by_seed(runs: pd.DataFrame, metric: str) -> pd.Series:
    return runs.groupby("seed")[metric].mean()
