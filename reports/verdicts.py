"""The rule of verdicts: pure functions of numbers. docs/protocol.md says the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import fmean, stdev

from reports.statistics import FEWEST, Difference

EQUAL = 0.10
"""Percentage points that two code bases may differ by on equal terms: ten of 10,000 test images."""

NEAR = 0.50
"""Percentage points below a claim that still count as partly reproduced."""

NEAR_BOUND = 0.05
"""The same for a fraction that is to be above a bound."""

PUBLISHED_RUNS = 5
"""Repetitions behind a published mean."""


class Verdict(StrEnum):
    """What a report says about a claim."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    NOT_REPRODUCED = "not reproduced"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Judgement:
    """A verdict and why.

    Parameters
    ----------
    verdict : Verdict
        See there.
    difference : str
        Ours less what was claimed, ready to print; empty where there is nothing to compare.
    reason : str
        What a reader has to know beside it; may be empty.
    """

    verdict: Verdict
    difference: str = ""
    reason: str = ""


def judge_mean(ours: Sequence[float], mean: float, std: float | None) -> Judgement:
    """Hold the mean of some runs to a published mean.

    Reproduced is a mean that falls short by no more than twice the standard error of the difference, or `EQUAL` if that
    is more; partly, by no more than `NEAR`, or one that would be reproduced but for having fewer than `FEWEST` runs.

    Parameters
    ----------
    ours : sequence of float
        Percent; at least one. A single run is taken to spread as the published ones.
    mean, std : float, float or None
        Published, in percent.
    """
    gap = fmean(ours) - mean
    own_std = stdev(ours) if len(ours) > 1 else (std or 0.0)
    margin = max(EQUAL, 2 * sqrt(own_std**2 / len(ours) + (std or 0.0) ** 2 / PUBLISHED_RUNS))
    return _few_runs(_by_gap(gap, margin), len(ours))


def judge_best(ours: Sequence[float], best: float) -> Judgement:
    """Hold the best of some runs to the best published one, where no mean is published; as `judge_mean`, by `EQUAL`.

    Parameters
    ----------
    ours, best
        Percent.
    """
    return _few_runs(_by_gap(max(ours) - best, EQUAL), len(ours))


def judge_bound(ours: Sequence[float], bound: float) -> Judgement:
    """Hold the mean of a fraction to a bound that it is to reach; partly if it falls short by at most `NEAR_BOUND`."""
    gap = fmean(ours) - bound
    verdict = _graded(gap, 0.0, NEAR_BOUND)
    return _few_runs(Judgement(verdict, f"{100 * gap:+.1f}"), len(ours))


def judge_difference(difference: Difference, margin: float) -> Judgement:
    """Ask whether a paired difference is above ``-margin``.

    Reproduced if all of the interval is, not reproduced if none of it is, partly if the interval holds ``-margin``.
    Without an interval nothing is decided: not run.

    Parameters
    ----------
    difference, margin
        Percentage points; a margin of 0 asks for being better, a positive one for being no worse than that.
    """
    if not difference.decided:
        return Judgement(Verdict.NOT_RUN, str(difference), f"{_runs(difference.n)}; at least {FEWEST} decide")
    if difference.low > -margin:
        verdict = Verdict.REPRODUCED
    elif difference.high < -margin:
        verdict = Verdict.NOT_REPRODUCED
    else:
        return Judgement(Verdict.PARTLY, str(difference), "cannot be told from the spread over seeds")
    return Judgement(verdict, str(difference))


def _by_gap(gap: float, margin: float) -> Judgement:
    return Judgement(_graded(gap, margin, max(NEAR, margin)), f"{gap:+.2f}")


def _graded(gap: float, margin: float, near: float) -> Verdict:
    # Decimal fractions such as 89.65 - 89.75 are not exact; what is meant is the number as it is written.
    gap = round(gap, 9)
    if gap >= -margin:
        return Verdict.REPRODUCED
    return Verdict.PARTLY if gap >= -near else Verdict.NOT_REPRODUCED


def _few_runs(judgement: Judgement, n: int) -> Judgement:
    if n >= FEWEST:
        return judgement
    verdict = Verdict.PARTLY if judgement.verdict is Verdict.REPRODUCED else judgement.verdict
    return Judgement(verdict, judgement.difference, _runs(n))


def _runs(n: int) -> str:
    return f"{n} seed" + ("" if n == 1 else "s")
