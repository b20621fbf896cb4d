"""Filters, targets and losses: hand-worked values, and finite differences where the gradient is a true one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tssl_core import (
    ParameterError,
    constant_input_gain,
    psc_filter,
    softmax_loss,
    spike_count_loss,
    spikes_from_psc,
    target_psc,
    target_spike_train,
    van_rossum_loss,
)


def test_a_single_spike_leaves_the_kernel() -> None:
    impulse = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    expected = torch.tensor([0, 1 / 3, 2 / 9, 4 / 27], dtype=torch.float64)
    torch.testing.assert_close(psc_filter(impulse, 3.0), expected, rtol=1e-14, atol=0)


def test_the_kernel_sums_to_one() -> None:
    impulse = torch.zeros(400, dtype=torch.float64)
    impulse[0] = 1
    assert psc_filter(impulse, 3.0).sum().item() == pytest.approx(1, abs=1e-12)


def test_a_constant_input_is_filtered_by_its_gain() -> None:
    images = torch.rand(3, 2, dtype=torch.float64)
    repeated = psc_filter(images.expand(5, 3, 2), 3.0)
    gain = constant_input_gain(5, 3.0, dtype=torch.float64)
    torch.testing.assert_close(gain[:, None, None] * images, repeated)
    assert gain.tolist() == pytest.approx([1 - (2 / 3) ** (t + 1) for t in range(5)])


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.floats(min_value=1, max_value=20))
def test_spikes_are_recovered_from_their_psc(train: list[bool], tau_s: float) -> None:
    spikes = torch.tensor(train, dtype=torch.float32)
    assert spikes_from_psc(psc_filter(spikes, tau_s), tau_s).tolist() == train


def test_the_filter_has_the_gradient_of_its_finite_differences() -> None:
    signal = torch.rand(6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: psc_filter(x, 2.5), signal)


def test_a_time_constant_under_one_step_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"tau_s is 0.5"):
        psc_filter(torch.zeros(2), 0.5)


@pytest.mark.parametrize(
    ("time_steps", "pattern", "expected"),
    [
        (5, None, "01111"),
        (10, None, "0101010101"),
        (30, None, "01" * 15),
        (2, None, "01"),
        (8, None, "01111011"),
        (5, "01011", "01011"),
        (7, "01011", "0101101"),
        (1, None, "1"),
    ],
)
def test_target_trains_are_the_authors_repeated_or_cut(time_steps: int, pattern: str | None, expected: str) -> None:
    assert target_spike_train(time_steps, pattern).tolist() == [float(step) for step in expected]


@pytest.mark.parametrize(("time_steps", "pattern"), [(0, None), (5, ""), (5, "00"), (5, "012")])
def test_impossible_target_trains_are_refused(time_steps: int, pattern: str | None) -> None:
    with pytest.raises(ParameterError, match="expected"):
        target_spike_train(time_steps, pattern)


@pytest.mark.parametrize(
    ("passes", "expected"),
    [(1, [0, 0.333, 0.556, 0.704, 0.802]), (2, [0, 0.111, 0.259, 0.407, 0.539])],
)
def test_the_target_is_filtered_once_or_twice(passes: int, expected: list[float]) -> None:
    target = target_psc(torch.tensor([2, 0]), 3, target_spike_train(5), tau_s=3.0, filter_passes=passes)
    assert target.shape == (5, 2, 3)
    assert target[:, 0, 2].tolist() == pytest.approx(expected, abs=5e-4)
    assert target[:, 1, 0].tolist() == pytest.approx(expected, abs=5e-4)
    assert target.sum().item() == pytest.approx(2 * sum(expected), abs=5e-3)


def test_three_filter_passes_are_refused() -> None:
    with pytest.raises(ParameterError, match="filter_passes is 3"):
        target_psc(torch.tensor([0]), 2, target_spike_train(5), tau_s=3.0, filter_passes=3)


def test_a_target_filtered_twice_is_nearer_to_silence_than_to_itself_spiking_at_two_time_steps() -> None:
    # The reason why the authors' last version fails at T = 2: the best output of the true class is no spike at all.
    train = target_spike_train(2)
    labels = torch.tensor([0])
    spiking = target_psc(labels, 1, train, tau_s=3.0, filter_passes=1)
    twice = target_psc(labels, 1, train, tau_s=3.0, filter_passes=2)
    assert van_rossum_loss(torch.zeros_like(twice), twice) < van_rossum_loss(spiking, twice)


def random_psc() -> Tensor:
    return torch.rand(4, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_van_rossum_loss_is_half_the_squared_difference() -> None:
    psc, target = torch.tensor([[[1.0, 0.5]]]), torch.tensor([[[0.0, 1.0]]])
    assert van_rossum_loss(psc, target).item() == 0.5 * (1 + 0.25)


def test_the_van_rossum_loss_refuses_another_shape() -> None:
    with pytest.raises(ParameterError, match=r"\(1, 2, 4\)"):
        van_rossum_loss(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4))


def test_the_spike_count_loss_spares_what_is_beyond_its_target() -> None:
    # T = 2; counts: true class 3 (wanted 4), wrong classes 2 (allowed 1) and 0.5 (allowed 1)
    psc = torch.tensor([[[1.5, 1.0, 0.25]], [[1.5, 1.0, 0.25]]])
    loss = spike_count_loss(psc, torch.tensor([0]), desired=4, undesired=1)
    assert loss.item() == pytest.approx(0.5 * 2 * ((-1 / 2) ** 2 + (1 / 2) ** 2))
    assert spike_count_loss(psc, torch.tensor([0]), desired=3, undesired=2).item() == 0


def test_the_spike_count_loss_pulls_equally_at_every_step() -> None:
    psc = random_psc().requires_grad_()
    spike_count_loss(psc, torch.tensor([0, 1, 2]), desired=4, undesired=1).backward()
    assert psc.grad is not None
    assert torch.equal(psc.grad[0], psc.grad[-1])
    count = psc.detach().sum(0)
    assert psc.grad[0, 0, 0].item() == pytest.approx((count[0, 0].item() - 4) / 4)


@pytest.mark.parametrize("loss", ["van_rossum", "spike_count", "softmax"])
def test_losses_have_the_gradient_of_their_finite_differences(loss: str) -> None:
    labels = torch.tensor([0, 3, 2])
    target = target_psc(labels, 5, target_spike_train(4).double(), tau_s=3.0)
    functions = {
        "van_rossum": lambda psc: van_rossum_loss(psc, target),
        "spike_count": lambda psc: spike_count_loss(psc, labels, desired=4, undesired=1),
        "softmax": lambda psc: softmax_loss(psc, labels),
    }
    assert torch.autograd.gradcheck(functions[loss], random_psc().requires_grad_())
