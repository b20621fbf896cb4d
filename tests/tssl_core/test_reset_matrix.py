"""The gradients of 2020 against the T x T matrices in which they were published."""

import pytest
import torch
from torch import Tensor

from tests.kernels import DEVICES, normal, skip_without
from tests.tssl_core.test_golden import assert_relative
from tssl_core import LIFParams, TSSLParams, reference
from tssl_core.layers import TSSLNeuron
from tssl_core.reference import simulate
from tssl_core.reset_matrix import RESET_MATRIX_PSC, ResetMatrixNeuron, backward, reset_error

# NumPy, on which Triton's interpreter runs, warns of infinities and NaN that are selected away or wanted.
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")

LIF = LIFParams(tau_s=2)
OF_2020 = TSSLParams(gate="layer", layer_rate=0.1, inverse_min=-10, inverse_max=10, intra_neuron=False)


def draw(time_steps: int, scale: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(time_steps)
    current = scale * torch.randn(time_steps, 3, 17, generator=generator, dtype=torch.float64)
    return current.requires_grad_(), torch.randn(time_steps, 3, 17, generator=generator, dtype=torch.float64)


def psc_matrix(time_steps: int) -> Tensor:
    """E, with epsilon(k - t) in row t and column k."""
    lag = torch.arange(time_steps)[None, :] - torch.arange(time_steps)[:, None]
    kernel = (1 - 1 / LIF.tau_s) ** lag.clamp(min=0).double() / LIF.tau_s
    return torch.where(lag >= 0, kernel, 0.0)


def reset_matrix(current: Tensor) -> Tensor:
    """R, followed as 6e40449 does: what is left of each reset decays, and counts where the neuron spikes next."""
    trace = simulate(current, LIF)
    time_steps = len(current)
    matrix = torch.zeros(time_steps, time_steps, *current.shape[1:], dtype=current.dtype)
    left = torch.zeros_like(current)
    for t in range(time_steps):
        change = -left / LIF.tau_m
        matrix[:, t] = change * trace.spike[t]
        left = (left + change) * (1 - trace.spike[t])
        left[t] = -trace.u[t] * trace.spike[t]
    return matrix


def published(error: Tensor, current: Tensor) -> Tensor:
    """dL/dI from what is left of the spike in its published form, given E g or (E + E R) g."""
    trace = simulate(current, LIF)
    if trace.spike.mean() > 0.1:
        return error * (1 / trace.delta_u).clamp(-10, 10).nan_to_num() * trace.spike
    f = ((LIF.threshold - trace.u) / 0.2).clamp(-8, 8).exp()
    return error * f / ((1 + f) ** 2 * 0.2)


CASES = [(1, 3.0), (5, 3.0), (5, 0.4), (12, 1.0)]


@pytest.mark.parametrize(("time_steps", "scale"), CASES)
def test_the_gradient_of_june_2020_is_that_of_its_matrix(time_steps: int, scale: float) -> None:
    current, grad = draw(time_steps, scale)
    TSSLNeuron(LIF, OF_2020)(current).backward(grad)
    expected = published(torch.einsum("tk,k...->t...", psc_matrix(time_steps), grad), current.detach())
    torch.testing.assert_close(current.grad, expected)


@pytest.mark.parametrize(("time_steps", "scale"), CASES)
def test_the_gradient_of_september_2020_is_that_of_its_matrices(time_steps: int, scale: float) -> None:
    current, grad = draw(time_steps, scale)
    output = ResetMatrixNeuron(LIF, OF_2020)(current)
    torch.testing.assert_close(output, simulate(current.detach(), LIF).psc)
    output.backward(grad)
    reset = torch.einsum("tk...,k...->t...", reset_matrix(current.detach()), grad)
    expected = published(torch.einsum("tk,k...->t...", psc_matrix(time_steps), grad + reset), current.detach())
    torch.testing.assert_close(current.grad, expected)


def test_a_reset_reaches_the_next_spike_and_no_further() -> None:
    # tau_m = 5: u = 2 (spike), 0, 1.5 (spike), 1.25 (spike)
    current = torch.tensor([2.0, 0.0, 1.5, 1.25])
    error = reset_error(torch.tensor([1.0, 10.0, 100.0, 1000.0]), current, LIFParams(tau_m=5))
    torch.testing.assert_close(error, torch.tensor([2 / 5 * 4 / 5 * 100, 0.0, 1.5 / 5 * 1000, 0.0]))


@pytest.mark.parametrize("name", ["cpu", "triton"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 131), (12, 3, 70), (40, 9)], ids=str)
@pytest.mark.parametrize(
    "tssl", [OF_2020, TSSLParams(intra_neuron=False), TSSLParams(gate="never", intra_neuron=False)]
)
def test_every_backend_gives_the_gradient_of_september_2020(
    tssl: TSSLParams, shape: tuple[int, ...], name: str
) -> None:
    skip_without(RESET_MATRIX_PSC, name)
    device = DEVICES[name]
    leaf = (0.8 * normal(*shape) + 0.2).to(device).requires_grad_()
    grad = normal(*shape, seed=1)
    output = RESET_MATRIX_PSC(leaf, LIF, tssl, backend=name)
    assert torch.equal(output.cpu(), simulate(leaf.detach().cpu(), LIF).psc)
    (found,) = torch.autograd.grad(output, leaf, grad.to(device))
    expected = backward(grad, leaf.detach().cpu(), LIF, tssl)
    assert (expected != reference.backward(grad, leaf.detach().cpu(), LIF, tssl)).any() == (shape[0] > 1)
    assert_relative(found.cpu(), expected, 1e-5)
