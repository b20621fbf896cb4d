"""The van Rossum loss of spike trains: the filter as a matrix, its inverse, and what the loss is."""

import pytest
import torch
from torch import Tensor

from tssl_core import ParameterError, psc_filter, spike_train_loss, unfiltered, van_rossum_loss
from tssl_core.psc import psc_from_spikes_matrix


def trains(seed: int, *shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(shape, generator=draw, dtype=torch.float64) < 0.3).double()


@pytest.mark.parametrize("tau", [1.0, 2.5, 3.0])
@pytest.mark.parametrize("steps", [1, 2, 31])
def test_the_filter_as_a_matrix_and_its_inverse_are_those_of_the_loop(steps: int, tau: float) -> None:
    signal = torch.randn(steps, 7, dtype=torch.float64)
    filtered = psc_filter(signal, tau)
    torch.testing.assert_close(psc_from_spikes_matrix(steps, tau, like=signal) @ signal, filtered)
    torch.testing.assert_close(unfiltered(filtered, tau), signal)


@pytest.mark.parametrize("passes", [1, 2])
def test_the_loss_is_that_of_the_pscs_and_so_is_its_gradient(passes: int) -> None:
    spikes, target = trains(0, 20, 3, 4).requires_grad_(), trains(1, 20, 3, 4)
    loss = spike_train_loss(spikes, target, tau_s=3.0, filter_passes=passes)
    desired = psc_filter(target, 3.0)
    if passes == 2:
        desired = psc_filter(desired, 3.0)
    expected = van_rossum_loss(psc_filter(spikes, 3.0), desired)
    torch.testing.assert_close(loss, expected)
    (gradient,), (other,) = torch.autograd.grad(loss, spikes), torch.autograd.grad(expected, spikes)
    torch.testing.assert_close(gradient, other)


def test_filtered_once_the_loss_is_zero_at_the_target_and_filtered_twice_it_is_not() -> None:
    target = trains(1, 20, 3, 4)
    assert spike_train_loss(target, target, tau_s=3.0) == 0
    assert spike_train_loss(target, target, tau_s=3.0, filter_passes=2) > 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"target has shape \(4, 1, 2\); expected that of spikes, \(4, 1, 3\)"):
        spike_train_loss(torch.zeros(4, 1, 3), torch.zeros(4, 1, 2), tau_s=3.0)
    with pytest.raises(ParameterError, match="filter_passes is 3"):
        spike_train_loss(torch.zeros(4, 1, 3), torch.zeros(4, 1, 3), tau_s=3.0, filter_passes=3)
