"""Statistics over seeds: known numbers, pairs of equal seeds only, and nothing said about noise from too few."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics import difference, mean_interval, paired_difference


def runs(*values: float, seeds: tuple[int, ...] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"seed": seeds or range(len(values)), "accuracy": values})


def test_at_three_seeds_the_interval_is_the_range_of_the_values() -> None:
    interval = mean_interval([1.0, 2.0, 6.0])
    assert (interval.mean, interval.low, interval.high, interval.n) == (3.0, 1.0, 6.0, 3)


def test_a_difference_that_rounds_to_nothing_has_no_minus() -> None:
    assert str(mean_interval([-0.004, 0.001, 0.001])) == "+0.00 [+0.00, +0.00]"
    assert str(mean_interval([-0.006, -0.006])) == "-0.01"


def test_two_seeds_have_no_interval_and_decide_nothing() -> None:
    interval = mean_interval([1.0, 2.0])
    assert not interval.decided
    assert not interval.is_noise
    assert str(interval) == "+1.50"


def test_the_interval_of_many_values_is_that_of_the_normal_approximation() -> None:
    values = [float(value) for value in range(100)]
    interval = mean_interval(values)
    half = 1.96 * pd.Series(values).std() / 10
    assert interval.low == pytest.approx(interval.mean - half, abs=0.6)
    assert interval.high == pytest.approx(interval.mean + half, abs=0.6)


def test_the_same_values_give_the_same_interval_every_time() -> None:
    assert mean_interval([1.0, 2.0, 3.0, 5.0, 8.0]) == mean_interval([1.0, 2.0, 3.0, 5.0, 8.0])


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=6))
def test_an_interval_holds_the_mean_and_lies_within_the_values(values: list[float]) -> None:
    interval = mean_interval(values)
    assert min(values) - 1e-9 <= interval.low <= interval.mean + 1e-9
    assert interval.mean - 1e-9 <= interval.high <= max(values) + 1e-9


def test_only_seeds_that_both_have_are_compared_each_with_itself() -> None:
    found = paired_difference(runs(5.0, 6.0, 9.0), runs(1.0, 1.0, 1.0, seeds=(1, 2, 3)), "accuracy")
    assert found is not None
    assert (found.mean, found.n) == (6.5, 2)
    assert paired_difference(runs(1.0), runs(1.0, seeds=(7,)), "accuracy") is None


def test_pairing_takes_the_spread_that_seeds_share_out_of_the_difference() -> None:
    first, second = runs(10.0, 20.0, 30.0), runs(9.0, 19.0, 29.0)
    paired = difference(first, second, "accuracy")
    unpaired = difference(first, second.assign(seed=[7, 8, 9]), "accuracy")
    assert paired is not None
    assert unpaired is not None
    assert (paired.paired, paired.low, paired.high) == (True, 1.0, 1.0)
    assert not unpaired.paired
    assert unpaired.is_noise
    assert not paired.is_noise


def test_missing_values_are_no_pairs() -> None:
    found = paired_difference(runs(1.0, float("nan"), 3.0), runs(0.0, 0.0, 0.0), "accuracy")
    assert found is not None
    assert (found.mean, found.n) == (2.0, 2)
