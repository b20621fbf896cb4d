"""The rules of verdicts at their boundaries: a hundredth of a point to either side changes the word."""

from dataclasses import replace

import pytest

from reports.statistics import ENOUGH, FEWEST, Difference, less_one_run, less_published, mean_difference
from reports.verdicts import MARGINS, Verdict, judge, judge_comparison

REPRODUCED, UNDECIDED, NOT = Verdict.REPRODUCED, Verdict.UNDECIDED, Verdict.NOT_REPRODUCED

HALF = 2.7764451051977987  # of the interval of five differences with a standard deviation of the root of 5: t(0.975, 4)


def five(mean: float) -> Difference:
    return Difference(mean, 5**0.5, 5)


@pytest.mark.parametrize(
    ("mean", "margin", "expected"),
    [
        (HALF + 0.01, 0.0, REPRODUCED),
        (HALF - 0.01, 0.0, UNDECIDED),
        (-HALF + 0.01, 0.0, UNDECIDED),
        (-HALF - 0.01, 0.0, NOT),
        (HALF - 0.5 + 0.01, 0.5, REPRODUCED),
        (HALF - 0.5 - 0.01, 0.5, UNDECIDED),
        (-HALF - 0.5 - 0.01, 0.5, NOT),
    ],
)
def test_a_difference_counts_only_with_its_whole_interval(mean: float, margin: float, expected: Verdict) -> None:
    assert judge(five(mean), margin).verdict is expected
    assert judge_comparison(five(mean), margin, five(mean).p_value(-margin), 1).verdict is expected


@pytest.mark.parametrize(
    ("mean", "expected"), [(90.00, REPRODUCED), (89.86, REPRODUCED), (89.85, UNDECIDED), (89.84, NOT)]
)
def test_means_without_any_spread_are_held_to_the_margin_itself(mean: float, expected: Verdict) -> None:
    assert judge(less_published([mean] * 3, 90.0, 0.0), 0.15).verdict is expected


def test_the_published_deviation_counts_as_one_of_five_runs() -> None:
    # Ours do not spread, so the interval is t(0.975, 4) * 0.05 / sqrt(5) = 0.0621 to either side.
    assert judge(less_published([89.913] * 3, 90.0, 0.05), 0.15).verdict is REPRODUCED
    assert judge(less_published([89.911] * 3, 90.0, 0.05), 0.15).verdict is UNDECIDED
    assert judge(less_published([89.789] * 3, 90.0, 0.05), 0.15).verdict is UNDECIDED
    assert judge(less_published([89.787] * 3, 90.0, 0.05), 0.15).verdict is NOT


def test_a_single_published_number_is_a_run_that_spreads_as_ours() -> None:
    ours = [89.0, 90.0, 91.0]  # t(0.975, 2) * sqrt(1 / 3 + 1) = 4.968
    assert judge(less_one_run(ours, 90.0 - 4.97), 0.0).verdict is REPRODUCED
    assert judge(less_one_run(ours, 90.0 - 4.96), 0.0).verdict is UNDECIDED


def test_a_wider_spread_never_turns_undecided_into_reproduced() -> None:
    verdicts = [judge(Difference(0.0, spread, 5), 0.15).verdict for spread in (0.01, 0.1, 0.2, 1.0)]
    assert verdicts == [REPRODUCED, REPRODUCED, UNDECIDED, UNDECIDED]


def test_too_few_seeds_decide_nothing_and_say_how_many_do() -> None:
    one, two = judge(mean_difference([80.0], 90.0)), judge(mean_difference([80.0, 80.1], 90.0))
    assert (one.verdict, one.reason) == (UNDECIDED, f"1 seed of at least {FEWEST}")
    assert (two.verdict, two.reason) == (UNDECIDED, f"2 seeds of at least {FEWEST}")
    four = judge_comparison(Difference(5.0, 0.1, 4), 0.0, 0.0001, 1)
    assert (four.verdict, four.reason) == (UNDECIDED, f"4 seeds of at least {ENOUGH}")


def test_an_undecided_verdict_says_how_many_seeds_would_decide() -> None:
    found = Difference(1.0, 5**0.5, 5)
    assert judge(found).reason == "even odds of a verdict with 22 seeds"
    assert Difference(1.0, 5**0.5, 22).low > 0 > Difference(1.0, 5**0.5, 21).low
    assert judge(Difference(0.0, 1.0, 5)).reason == "even odds of a verdict with more than 1,000 seeds"
    assert (
        judge(less_published([90.0, 90.1, 89.9], 90.1, 1.0), 0.15).reason
        == "even odds of a verdict with more than 1,000 seeds"
    )


def test_a_comparison_that_its_family_takes_back_says_so_and_how_many_seeds_would_decide_in_it() -> None:
    found = five(HALF + 0.01)
    judgement = judge_comparison(found, 0.0, 0.12, 3)
    assert judgement.verdict is UNDECIDED
    assert judgement.reason == "p = 0.12 after the correction for its family; even odds of a verdict with 7 seeds"
    assert [3 * replace(found, n=n).p_value() < 0.05 for n in (6, 7)] == [False, True]


def test_the_margins_are_those_of_the_protocol() -> None:
    assert MARGINS == {"mnist": 0.05, "fashion_mnist": 0.15, "nmnist": 0.1, "cifar10": 0.5}
