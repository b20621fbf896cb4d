"""The rule of verdicts: pure functions of differences. docs/protocol.md says the same in words, with the reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reports.statistics import ENOUGH, FEWEST, LEVEL, MOST_SEEDS, Difference

MARGINS: Mapping[str, float] = {"mnist": 0.05, "fashion_mnist": 0.15, "nmnist": 0.1, "cifar10": 0.5}
"""Percentage points below a published accuracy that count for nothing, by dataset; docs/protocol.md has the reasons."""


class Verdict(StrEnum):
    """What a report says about a claim."""

    REPRODUCED = "reproduced"
    UNDECIDED = "undecided"
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


def judge(difference: Difference, margin: float = 0.0) -> Judgement:
    """Ask whether a difference, of means or of a fraction and its bound, is above ``-margin``.

    Reproduced if all of the interval is, not reproduced if all of it is below, else undecided.

    Parameters
    ----------
    difference, margin
        In the same unit; a margin of 0 asks for being above.
    """
    return _judged(difference, margin, difference.p_value(-margin), 1, FEWEST)


def judge_comparison(difference: Difference, margin: float, adjusted: float, family: int) -> Judgement:
    """The same of a comparison of methods or T, of which `ENOUGH` seeds and its p-value within its family decide.

    Parameters
    ----------
    difference, margin
        See `judge`.
    adjusted : float
        The p-value against ``-margin`` after `reports.statistics.holm`.
    family : int
        How many comparisons were corrected together.
    """
    return _judged(difference, margin, adjusted, family, ENOUGH)


def _judged(difference: Difference, margin: float, p_value: float, family: int, fewest: int) -> Judgement:
    if difference.n < fewest:
        return Judgement(Verdict.UNDECIDED, str(difference), f"{_runs(difference.n)} of at least {fewest}")
    if p_value < 1 - LEVEL:
        above = difference.mean > -margin
        return Judgement(Verdict.REPRODUCED if above else Verdict.NOT_REPRODUCED, str(difference))
    return Judgement(Verdict.UNDECIDED, str(difference), _what_would_decide(difference, margin, p_value, family))


def _what_would_decide(difference: Difference, margin: float, p_value: float, family: int) -> str:
    seeds = difference.seeds_to_decide(-margin, family)
    count = f"more than {MOST_SEEDS:,}" if seeds is None else seeds
    needed = f"even odds of a verdict with {count} seeds"
    if difference.p_value(-margin) < 1 - LEVEL:  # the interval that is printed is to one side
        return f"p = {p_value:.2f} after the correction for its family; {needed}"
    return needed


def _runs(n: int) -> str:
    return f"{n} seed" + ("" if n == 1 else "s")
