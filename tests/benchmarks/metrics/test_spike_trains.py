"""Distances of spike trains are those of elephant, and distances at all; spikes are matched as well as can be."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from benchmarks.datasets.samples.sequences import SequenceRule, Trains
from benchmarks.metrics.counting.spike_trains import (
    matched_spikes,
    nearest_train,
    sequence_measures,
    van_rossum_distances,
    victor_purpura_distances,
)
from tssl_core import spike_train_loss

STEPS = 15
PAIR = st.tuples(arrays(bool, (STEPS, 1)), arrays(bool, (STEPS, 1)))
QUICK = settings(max_examples=100, deadline=None, derandomize=True)


def random_pairs(steps: int, pairs: int) -> tuple[Trains, Trains]:
    """Trains from silent to busy."""
    draw = np.random.default_rng(steps)
    rates = np.linspace(0, 0.6, pairs)
    return draw.random((steps, pairs)) < rates, draw.random((steps, pairs)) < draw.permutation(rates)


def van_rossum(first: Trains, second: Trains, tau: float = 3.0) -> NDArray[np.float64]:
    return van_rossum_distances(torch.from_numpy(first), torch.from_numpy(second), tau=tau).numpy()


def victor_purpura(first: Trains, second: Trains, cost: float = 0.25) -> NDArray[np.float64]:
    return victor_purpura_distances(first, second, cost=cost)


@pytest.mark.filterwarnings("ignore:van_rossum_distance. very small negative values:RuntimeWarning")
@pytest.mark.parametrize("steps", [1, 7, 60])
def test_distances_are_those_of_elephant(steps: int) -> None:
    neo = pytest.importorskip("neo")
    pq = pytest.importorskip("quantities")
    dissimilarity = pytest.importorskip("elephant.spike_train_dissimilarity")
    first, second = random_pairs(steps, 25)
    for tau, cost in ((3.0, 0.25), (1.5, 1.0), (10.0, 2.5)):
        ours = van_rossum(first, second, tau), victor_purpura(first, second, cost)
        for pair in range(first.shape[1]):
            trains = [
                neo.SpikeTrain(np.flatnonzero(train[:, pair]) * pq.ms, t_stop=steps * pq.ms)
                for train in (first, second)
            ]
            # Of the exponential that the PSC kernel, (1 - 1/tau)^k, has at whole time steps.
            constant = -1 / math.log(1 - 1 / tau) * pq.ms
            theirs = (
                dissimilarity.van_rossum_distance(trains, time_constant=constant)[0, 1],
                dissimilarity.victor_purpura_distance(trains, cost_factor=cost / pq.ms)[0, 1],
            )
            # Its van Rossum distance is the root of a difference: of equal trains it gives 1e-8 or so.
            np.testing.assert_allclose([values[pair] for values in ours], theirs, rtol=1e-9, atol=1e-7)


@QUICK
@given(PAIR)
def test_distances_are_symmetric_and_zero_only_between_equal_trains(pair: tuple[Trains, Trains]) -> None:
    first, second = pair
    for distance in (van_rossum, victor_purpura):
        (there,), (back,) = distance(first, second), distance(second, first)
        assert there == pytest.approx(back, abs=1e-12)
        assert (there == 0) == np.array_equal(first, second)
        assert distance(first, first) == 0


@QUICK
@given(PAIR, arrays(bool, (STEPS, 1)))
def test_a_detour_is_never_shorter(pair: tuple[Trains, Trains], third: Trains) -> None:
    first, second = pair
    for distance in (van_rossum, victor_purpura):
        detour = distance(first, third) + distance(third, second)
        assert distance(first, second) <= detour + 1e-12


def test_a_lone_spike_is_one_away_from_silence_and_two_far_apart_the_root_of_two() -> None:
    spike, silence, far = (np.zeros((300, 1), dtype=bool) for _ in range(3))
    spike[4], far[250] = True, True
    assert van_rossum(spike, silence) == pytest.approx(1)
    assert van_rossum(spike, far) == pytest.approx(2**0.5)
    assert victor_purpura(spike, silence) == 1
    assert victor_purpura(spike, np.roll(spike, 3)) == 0.75
    assert victor_purpura(spike, far) == 2


def test_the_loss_is_the_van_rossum_distance_but_for_what_comes_after_the_window() -> None:
    tau = 3.0
    first, second = (torch.from_numpy(train).unsqueeze(1) for train in random_pairs(20, 10))
    distances = van_rossum_distances(first, second, tau=tau)
    silence = torch.zeros(200, *first.shape[1:])
    padded = [torch.cat([train.double(), silence]) for train in (first, second)]
    loss = spike_train_loss(*padded, tau_s=tau)
    torch.testing.assert_close(loss, distances.square().sum() / (2 * (2 * tau - 1)))
    assert spike_train_loss(first.double(), second.double(), tau_s=tau) < loss


@QUICK
@given(PAIR, st.integers(0, 4))
def test_as_many_spikes_are_matched_as_can_be(pair: tuple[Trains, Trains], tolerance: int) -> None:
    first, second = pair
    times, others = np.flatnonzero(first), np.flatnonzero(second)
    near = np.abs(times[:, None] - others) <= tolerance
    best = (maximum_bipartite_matching(csr_matrix(near)) >= 0).sum() if near.size else 0
    assert matched_spikes(first, second, tolerance=tolerance) == best


def test_pairs_side_by_side_do_not_touch_each_other() -> None:
    first, second = random_pairs(40, 30)
    for alone, together in (
        (victor_purpura, victor_purpura(first, second)),
        (van_rossum, van_rossum(first, second)),
        (lambda a, b: matched_spikes(a, b, tolerance=1), matched_spikes(first, second, tolerance=1)),
    ):
        one_by_one = [alone(first[:, [n]], second[:, [n]])[0] for n in range(30)]
        np.testing.assert_allclose(together, one_by_one, rtol=1e-12, atol=1e-12)


def trains(*rows: str) -> torch.Tensor:
    """One sample, a text a neuron: ``[T, 1, neurons]``."""
    return torch.tensor([[spike == "1" for spike in row] for row in rows]).T[:, None]


def test_measures_of_a_case_worked_out_by_hand() -> None:
    target = trains("0100010", "0010000", "0000000")
    output = trains("0010000", "0010000", "0001000")
    measures = sequence_measures(output, target, SequenceRule(), all_of_them=True)
    assert measures["exact_match"] == 0
    assert measures["exact_trains"] == pytest.approx(1 / 3)
    assert measures["count_error"] == pytest.approx(2 / 3)
    assert measures["spike_precision"] == pytest.approx(2 / 3)
    assert measures["spike_recall"] == pytest.approx(2 / 3)
    assert measures["victor_purpura"] == pytest.approx((1.25 + 0 + 1) / 3)
    perfect = sequence_measures(target, target, SequenceRule(), all_of_them=True)
    assert [perfect[name] for name in ("exact_match", "exact_trains", "van_rossum", "count_error")] == [1, 1, 0, 0]


def test_a_sample_matches_only_if_all_its_neurons_do() -> None:
    target = torch.cat([trains("010", "001"), trains("010", "001")], dim=1)
    output = torch.cat([trains("010", "001"), trains("010", "010")], dim=1)
    assert sequence_measures(output, target, SequenceRule(), all_of_them=False)["exact_match"] == 0.5


def test_what_would_be_divided_by_no_spikes_is_missing() -> None:
    silent, busy = trains("0000"), trains("0110")
    measures = sequence_measures(silent, busy, SequenceRule(), all_of_them=True)
    assert "spike_precision" not in measures
    assert measures["spike_recall"] == 0
    assert "spike_recall" not in sequence_measures(busy, silent, SequenceRule(), all_of_them=True)


def test_the_nearest_train_is_that_of_the_least_distance_over_all_neurons() -> None:
    candidates = torch.cat(
        [trains("1000000", "0000000"), trains("0000100", "0000001"), trains("0000100", "0000001")], 1
    )
    output = torch.cat([trains("0000010", "0000001"), trains("1000000", "0100000")], dim=1)
    assert nearest_train(output, candidates, tau=3.0).tolist() == [1, 0], "the first of two that are equal"
