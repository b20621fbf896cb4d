"""The rule of verdicts at its boundaries: a hundredth of a point to either side changes the word."""

import pytest

from reports.statistics import Difference
from reports.verdicts import (
    EQUAL,
    NEAR,
    NEAR_BOUND,
    Verdict,
    judge_best,
    judge_bound,
    judge_difference,
    judge_mean,
)

REPRODUCED, PARTLY, NOT = Verdict.REPRODUCED, Verdict.PARTLY, Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (91.00, REPRODUCED),
        (90.00, REPRODUCED),
        (90.00 - EQUAL, REPRODUCED),
        (90.00 - EQUAL - 0.01, PARTLY),
        (90.00 - NEAR, PARTLY),
        (90.00 - NEAR - 0.01, NOT),
    ],
)
def test_a_mean_without_spread_is_held_to_a_tenth_and_to_half_a_point(mean: float, expected: Verdict) -> None:
    assert judge_mean([mean] * 3, 90.0, 0.0).verdict is expected


def test_the_margin_is_twice_the_standard_error_of_the_difference_where_that_is_more() -> None:
    spread = [89.0, 90.0, 91.0]  # standard deviation 1, so twice the standard error is 1.155
    assert judge_mean(spread, 91.15, None).verdict is REPRODUCED
    assert judge_mean(spread, 91.16, None).verdict is NOT
    # Published 0.5 over five runs: 2 * sqrt(1 / 3 + 0.25 / 5) = 1.238.
    assert judge_mean(spread, 91.23, 0.5).verdict is REPRODUCED
    assert judge_mean(spread, 91.24, 0.5).verdict is NOT


def test_fewer_than_three_runs_reproduce_at_most_partly_and_say_how_many_they_are() -> None:
    two, three = judge_mean([90.0] * 2, 90.0, 0.0), judge_mean([90.0] * 3, 90.0, 0.0)
    assert (two.verdict, two.reason) == (PARTLY, "2 seeds")
    assert (three.verdict, three.reason) == (REPRODUCED, "")
    short = judge_mean([80.0], 90.0, 0.1)
    assert (short.verdict, short.reason) == (NOT, "1 seed")


def test_a_single_run_is_taken_to_spread_as_the_published_ones() -> None:
    # 2 * sqrt(0.3^2 + 0.3^2 / 5) = 0.657
    assert judge_mean([89.35], 90.0, 0.3).verdict is PARTLY
    assert judge_mean([89.34], 90.0, 0.3).verdict is NOT


@pytest.mark.parametrize(("best", "expected"), [(89.90, REPRODUCED), (89.89, PARTLY), (89.50, PARTLY), (89.49, NOT)])
def test_where_only_a_best_run_is_published_the_best_of_ours_is_held_to_it(best: float, expected: Verdict) -> None:
    assert judge_best([80.0, 81.0, best], 90.0).verdict is expected


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.75, REPRODUCED), (0.7499, PARTLY), (0.75 - NEAR_BOUND, PARTLY), (0.6999, NOT)],
)
def test_a_fraction_is_held_to_its_bound(fraction: float, expected: Verdict) -> None:
    judgement = judge_bound([fraction] * 3, 0.75)
    assert judgement.verdict is expected
    assert judgement.difference == f"{100 * (fraction - 0.75):+.1f}"


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.01, 0.50, 0.0, REPRODUCED),
        (0.00, 0.50, 0.0, PARTLY),
        (-0.50, 0.00, 0.0, PARTLY),
        (-0.50, -0.01, 0.0, NOT),
        (-0.49, -0.01, 0.5, REPRODUCED),
        (-0.50, -0.01, 0.5, PARTLY),
        (-0.90, -0.51, 0.5, NOT),
    ],
)
def test_a_difference_counts_only_with_its_whole_interval(
    low: float, high: float, margin: float, expected: Verdict
) -> None:
    assert judge_difference(Difference((low + high) / 2, low, high, 3), margin).verdict is expected


def test_a_difference_without_interval_is_no_verdict() -> None:
    nan = float("nan")
    judgement = judge_difference(Difference(5.0, nan, nan, 2), 0.0)
    assert judgement.verdict is Verdict.NOT_RUN
    assert judgement.reason == "2 seeds; at least 3 decide"
