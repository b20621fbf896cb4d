"""Statistics over seeds: known numbers, pairs of equal seeds only, and nothing said about noise from too few."""

from statistics import fmean, stdev

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from reports.statistics import (
    Difference,
    called,
    difference,
    exact_interval,
    holm,
    less_published,
    mean_difference,
    paired_difference,
)


def runs(*values: float, seeds: tuple[int, ...] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"seed": seeds or range(len(values)), "accuracy": values})


def test_the_interval_of_three_values_is_students() -> None:
    interval = mean_difference([1.0, 2.0, 6.0])
    half = 4.302653 * stdev([1.0, 2.0, 6.0]) / 3**0.5
    assert (interval.mean, interval.n) == (3.0, 3)
    assert [interval.low, interval.high] == pytest.approx([3 - half, 3 + half])


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=6, unique=True), st.floats(-5, 5))
def test_the_p_value_is_that_of_the_one_sample_t_test(values: list[float], against: float) -> None:
    values = [round(value, 3) for value in values]
    if stdev(values) < 1e-3:
        return
    expected = ttest_1samp(values, against).pvalue
    assert mean_difference(values).p_value(against) == pytest.approx(expected, abs=1e-5)


def test_less_a_published_mean_it_is_welchs_test() -> None:
    ours, theirs = [99.41, 99.42, 99.43], [99.48, 99.5, 99.52, 99.49, 99.51]
    found = less_published(ours, fmean(theirs), stdev(theirs))
    expected = ttest_ind(ours, theirs, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p_value() == pytest.approx(expected.pvalue, rel=1e-4)
    assert [found.low, found.high] == pytest.approx([interval.low, interval.high])


def test_a_difference_that_rounds_to_nothing_has_no_minus() -> None:
    assert str(mean_difference([-0.001, -0.001, -0.001])) == "+0.00 [+0.00, +0.00]"
    assert str(mean_difference([-0.006, -0.006])) == "-0.01"


def test_two_seeds_have_no_interval_and_decide_nothing() -> None:
    interval = mean_difference([1.0, 2.0])
    assert not interval.decided
    assert str(interval) == "+1.50"
    assert str(mean_difference([1.0])) == "+1.00"


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
    assert unpaired.low < 0 < unpaired.high
    expected = ttest_ind(first["accuracy"], second["accuracy"], equal_var=False)
    assert unpaired.p_value() == pytest.approx(expected.pvalue)


def test_unpaired_runs_of_which_one_side_is_too_few_have_no_interval() -> None:
    found = difference(runs(1.0, 2.0, 3.0), runs(1.0, 1.0, seeds=(8, 9)), "accuracy")
    assert found is not None
    assert str(found) == "+1.00"
    assert difference(runs(1.0, 2.0), runs(float("nan"), seeds=(9,)), "accuracy") is None


def test_missing_values_are_no_pairs() -> None:
    found = paired_difference(runs(1.0, float("nan"), 3.0), runs(0.0, 0.0, 0.0), "accuracy")
    assert found is not None
    assert (found.mean, found.n) == (2.0, 2)


def test_other_units_scale_the_interval_with_the_mean() -> None:
    found = less_published([0.1, 0.2, 0.4], 0.1, 0.05)
    percent = found.times(100)
    assert [percent.mean, percent.low] == pytest.approx([100 * found.mean, 100 * found.low])
    assert percent.p_value() == pytest.approx(found.p_value())


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_family_is_called_together_and_from_five_seeds_on() -> None:
    one, other = Difference(3.0, 5**0.5, 5), Difference(-3.0, 5**0.5, 5)  # p = 0.04 each
    few = Difference(9.0, 0.1, 4)
    assert called([one], "noise", "-") == ["higher"]
    assert called([other, few, None], "noise", "-") == ["lower", "open: 5 seeds are needed", "-"]
    assert called([one, other], "noise", "-") == ["noise", "noise"]


def test_the_interval_of_13_of_18_is_clopper_and_pearsons() -> None:
    assert exact_interval(13, 18) == pytest.approx((0.4652, 0.9031), abs=1e-4)
    assert exact_interval(0, 18) == pytest.approx((0.0, 0.1853), abs=1e-4)
