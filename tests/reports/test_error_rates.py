"""How often the rules err, by fixed draws: no difference where there is none, no accuracy that is not there."""

import numpy as np
import pytest

from reports.statistics import ENOUGH, called, less_one_run, less_published, mean_difference
from reports.verdicts import MARGINS, Verdict, judge

DRAWS = 4000
MARGIN = 0.15


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("family", [1, 6])
def test_where_there_is_no_difference_one_is_called_in_at_most_six_of_a_hundred_families(
    seeds: int, family: int
) -> None:
    draws = np.random.default_rng(seeds).normal(size=(DRAWS // family, family, seeds))
    wrong = sum(
        {"higher", "lower"} & {*called([mean_difference(row) for row in rows], "", "")} != set() for rows in draws
    )
    assert wrong / len(draws) <= 0.06
    assert (wrong > 0) == (seeds >= ENOUGH)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_an_interval_misses_the_true_difference_in_at_most_six_of_a_hundred_cases_and_not_in_many_fewer(
    seeds: int,
) -> None:
    draws = np.random.default_rng(seeds).normal(size=(DRAWS, seeds))
    missed = np.mean([not found.low <= 0 <= found.high for found in map(mean_difference, draws)])
    assert 0.04 <= missed <= 0.06


def errs_by_looks_after(*seeds: int) -> float:
    """In what share of cases without a difference one of several looks at an interval finds one."""
    draws = np.random.default_rng(seeds[-1]).normal(size=(DRAWS, seeds[-1]))
    return float(np.mean([any(mean_difference(row[:n]).p_value() < 0.05 for n in seeds) for row in draws]))


@pytest.mark.parametrize("seeds", [8, 10])
def test_a_second_look_after_five_seeds_errs_in_seven_to_nine_of_a_hundred_cases(seeds: int) -> None:
    assert 0.07 <= errs_by_looks_after(ENOUGH, seeds) <= 0.09


def test_three_looks_err_in_twelve_of_a_hundred_cases() -> None:
    assert errs_by_looks_after(3, 5, 10) == pytest.approx(0.12, abs=0.01)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.01, 0.05, 0.15, 0.5, 2.0])
@pytest.mark.parametrize("published_spread", [0.01, 0.15, 2.0])
def test_an_accuracy_that_is_short_by_twice_the_margin_is_hardly_ever_reproduced_whatever_the_spreads(
    seeds: int, spread: float, published_spread: float
) -> None:
    random = np.random.default_rng(seeds)
    ours = 90 - 2 * MARGIN + random.normal(scale=spread, size=(1000, seeds))
    published = 90 + random.normal(scale=published_spread, size=(1000, 5))
    wrong = sum(
        judge(less_published(row, runs.mean(), runs.std(ddof=1)), MARGIN).verdict is Verdict.REPRODUCED
        for row, runs in zip(ours, published, strict=True)
    )
    assert wrong / 1000 <= 0.05


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.01, 0.15, 2.0])
def test_nor_is_one_of_which_a_single_run_is_published(seeds: int, spread: float) -> None:
    random = np.random.default_rng(seeds)
    ours = 90 - 2 * MARGIN + random.normal(scale=spread, size=(2000, seeds))
    published = 90 + random.normal(scale=spread, size=2000)
    judged = [judge(less_one_run(row, value), MARGIN) for row, value in zip(ours, published, strict=True)]
    assert np.mean([judgement.verdict is Verdict.REPRODUCED for judgement in judged]) <= 0.05


@pytest.mark.parametrize("margin", MARGINS.values())
def test_a_true_match_with_a_spread_of_a_quarter_of_the_margin_is_reproduced_by_five_seeds(margin: float) -> None:
    random = np.random.default_rng(0)
    ours, published = (90 + random.normal(scale=margin / 4, size=(500, 5)) for _ in range(2))
    judged = [
        judge(less_published(row, runs.mean(), runs.std(ddof=1)), margin)
        for row, runs in zip(ours, published, strict=True)
    ]
    assert np.mean([judgement.verdict is Verdict.REPRODUCED for judgement in judged]) >= 0.9
