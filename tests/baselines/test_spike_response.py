"""SLAYER's neuron: kernels in closed form, the recursion against convolutions, the gradient against autograd."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.function import once_differentiable

from baselines.neurons.spike_response import (
    SPIKE_RESPONSE,
    SpikeResponseNeuron,
    SRMParams,
    backward,
    forward,
    simulate,
    surrogate,
)
from tssl_core import ParameterError

VARIANTS = [
    SRMParams(delay=delay, tau_s=tau_s, tau_ref=tau_ref, refractory_scale=scale, threshold=threshold)
    for delay, (tau_s, tau_ref, scale, threshold) in itertools.product(
        (False, True), [(1.0, 1.0, 2.0, 1.0), (2.5, 1.5, 0.0, 1.0), (10.0, 3.0, 1.0, 10.0)]
    )
]


def epsilon(k: int, params: SRMParams) -> float:
    """The kernel as published; without delay one step earlier."""
    k = k if params.delay else k + 1
    return k / params.tau_s * math.exp(1 - k / params.tau_s)


def nu(k: int, params: SRMParams) -> float:
    return -params.refractory_scale * params.threshold * k / params.tau_ref * math.exp(1 - k / params.tau_ref)


def toeplitz(kernel: Any, params: SRMParams, time_steps: int) -> Tensor:
    """Matrix of a causal convolution with a kernel over a window."""
    rows = [[kernel(t - k, params) if t >= k else 0.0 for k in range(time_steps)] for t in range(time_steps)]
    return torch.tensor(rows, dtype=torch.float64)


def draw(time_steps: int, neurons: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(time_steps, neurons, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class ExponentialSpike(torch.autograd.Function):
    """A spike with the surrogate spelt out for itself."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, threshold: float, width: float, scale: float) -> Tensor:
        ctx.save_for_backward(u)
        ctx.constants = threshold, width * threshold, scale
        return (u >= threshold).to(u.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (u,) = ctx.saved_tensors
        threshold, width, scale = ctx.constants
        return grads[0] * scale * torch.exp(-(u - threshold).abs() / width) / width, None, None, None


def unrolled(current: Tensor, params: SRMParams) -> Tensor:
    """The neuron as sums over all steps before, differentiable by autograd except through nu."""
    spikes: list[Tensor] = []
    for t in range(current.shape[0]):
        u = torch.zeros_like(current[0])
        for k in range(t + 1):
            u = u + epsilon(k, params) * current[t - k]
        for k in range(1, t + 1):
            u = u + nu(k, params) * spikes[t - k].detach()
        spikes.append(ExponentialSpike.apply(u, params.threshold, params.surrogate_width, params.surrogate_scale))
    return torch.stack(spikes)


def test_a_pulse_leaves_the_alpha_kernel() -> None:
    pulse = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64) / 4
    published = simulate(pulse, SRMParams(tau_s=2, delay=True)).u
    # k/2 exp(1 - k/2): 0, sqrt(e)/2, 1, 3/(2 sqrt(e)), 2/e
    expected = [0, 0.8243606353500641, 1, 0.9097959895689501, 0.7357588823428847]
    assert (4 * published).tolist() == pytest.approx(expected, rel=1e-14)
    prompt = simulate(pulse, SRMParams(tau_s=2, delay=False)).u
    assert (4 * prompt)[:4].tolist() == pytest.approx(expected[1:], rel=1e-14)


def test_a_spike_pulls_the_membrane_down_from_the_next_step_on() -> None:
    # tau_s = tau_ref = 1: a pulse of 2 gives u = 2, 4/e, 6/e^2, 8/e^3. The spike in step 0 adds -3 k exp(1 - k):
    # -3, -6/e, -9/e^2, so that step 1 has 4/e - 3 and step 2 6/e^2 - 6/e.
    params = SRMParams(tau_s=1, tau_ref=1, refractory_scale=3, delay=False)
    trace = simulate(torch.tensor([2.0, 0, 0, 0], dtype=torch.float64), params)
    e = math.e
    assert trace.u.tolist() == pytest.approx([2, 4 / e - 3, 6 / e**2 - 6 / e, 8 / e**3 - 9 / e**2], rel=1e-14)
    assert trace.spike.tolist() == [1, 0, 0, 0]


def test_refractoriness_is_as_deep_as_the_threshold_times_its_scale() -> None:
    silent, fired = (
        simulate(torch.tensor([first, 0.0], dtype=torch.float64), SRMParams(threshold=threshold, refractory_scale=2)).u
        for first, threshold in ((7.0, 100.0), (7.0, 5.0))
    )
    assert (fired - silent).tolist() == pytest.approx([0, -2 * 5.0])


def test_a_membrane_potential_at_the_threshold_spikes() -> None:
    # u = exp(1) exp(-1), whatever that rounds to.
    u = simulate(torch.tensor([1.0], dtype=torch.float64), SRMParams(tau_s=1)).u.item()
    assert forward(torch.tensor([1.0], dtype=torch.float64), SRMParams(tau_s=1, threshold=u)).item() == 1
    above = math.nextafter(u, 2)
    assert forward(torch.tensor([1.0], dtype=torch.float64), SRMParams(tau_s=1, threshold=above)).item() == 0


@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_the_recursion_is_the_convolution_with_both_kernels(params: SRMParams) -> None:
    current = draw(40, 7, seed=1, scale=params.threshold)
    u, spike = simulate(current, params)
    assert 0.02 < spike.mean() < 0.9
    expected = toeplitz(epsilon, params, 40) @ current + toeplitz(nu, params, 40) @ spike
    torch.testing.assert_close(u, expected, rtol=1e-12, atol=1e-12 * params.threshold)
    assert torch.equal(spike, (u >= params.threshold).double())


@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_the_gradient_is_that_of_autograd_with_the_refractory_path_cut(params: SRMParams) -> None:
    current = draw(15, 6, seed=2, scale=params.threshold).requires_grad_()
    upstream = draw(15, 6, seed=3)
    spikes = unrolled(current, params)
    assert torch.equal(spikes, forward(current.detach(), params))
    spikes.backward(upstream)
    assert current.grad is not None
    mine = backward(upstream, current.detach(), params)
    torch.testing.assert_close(mine, current.grad, rtol=1e-11, atol=1e-13)


def test_the_gradient_of_one_error_is_the_kernel_read_backwards() -> None:
    # Without current u = 0 everywhere, so rho = exp(-1), and the error of step 3 reaches step 3 - k by epsilon(k).
    params = SRMParams(tau_s=2, delay=True)
    error = torch.tensor([0.0, 0, 0, 1, 0], dtype=torch.float64)
    expected = [1.5 * math.exp(-0.5), 1.0, 0.5 * math.exp(0.5), 0.0, 0.0]
    gradient = backward(error, torch.zeros(5, dtype=torch.float64), params)
    assert gradient.tolist() == pytest.approx([value / math.e for value in expected], rel=1e-14)


@given(
    tau_s=st.floats(0.3, 30),
    delay=st.booleans(),
    time_steps=st.integers(1, 60),
    seed=st.integers(0, 2**31),
)
def test_correlation_in_the_backward_pass_is_the_adjoint_of_the_filter(
    tau_s: float, delay: bool, time_steps: int, seed: int
) -> None:
    # A threshold out of reach and a surrogate wide enough to be flat leave the filter alone.
    params = SRMParams(tau_s=tau_s, delay=delay, threshold=1e9, surrogate_width=1e9, surrogate_scale=1e18)
    x, y = draw(time_steps, 3, seed), draw(time_steps, 3, seed + 1)
    forwards = (simulate(x, params).u * y).sum()
    backwards = (x * backward(y, x, params)).sum()
    size = simulate(x.abs(), params).u.flatten() @ y.abs().flatten()
    assert abs(forwards - backwards) <= 1e-8 * size + 1e-12


@given(delay=st.booleans(), time=st.integers(0, 19), seed=st.integers(0, 2**31))
def test_what_happens_later_changes_nothing_before(delay: bool, time: int, seed: int) -> None:
    params = SRMParams(tau_s=3, delay=delay)
    current = draw(20, 2, seed)
    changed = current.clone()
    changed[time] += 10
    before = time + 1 if delay else time
    assert torch.equal(simulate(current, params).u[:before], simulate(changed, params).u[:before])
    assert not torch.equal(simulate(current, params).u, simulate(changed, params).u) or before == 20


def test_the_surrogate_falls_off_exponentially_in_thresholds() -> None:
    params = SRMParams(threshold=10, surrogate_width=0.5, surrogate_scale=3)
    values = surrogate(torch.tensor([10.0, 15.0, 5.0, 20.0], dtype=torch.float64), params)
    assert values.tolist() == pytest.approx([3 / 5, 3 / 5 / math.e, 3 / 5 / math.e, 3 / 5 / math.e**2])


def test_threshold_and_current_scaled_alike_give_the_same_spikes() -> None:
    current = draw(30, 20, seed=4)
    small, large = (SRMParams(threshold=theta, tau_s=4, refractory_scale=2) for theta in (1.0, 8.0))
    assert torch.equal(forward(current, small), forward(8 * current, large))


def test_layers_run_the_operator_with_its_gradient() -> None:
    params = SRMParams(tau_s=3)
    current = draw(6, 12, seed=5).reshape(6, 3, 4).requires_grad_()
    neuron = SpikeResponseNeuron(params, backend="reference")
    output = neuron(current)
    upstream = draw(6, 12, seed=6).reshape(6, 3, 4)
    output.backward(upstream)
    assert current.grad is not None
    assert torch.equal(output.detach(), forward(current.detach(), params))
    assert torch.equal(current.grad, backward(upstream, current.detach(), params))
    assert torch.equal(neuron.spikes(output), output.bool())
    assert SPIKE_RESPONSE.available()["reference"] is None


@pytest.mark.parametrize("name", ["threshold", "tau_s", "tau_ref", "surrogate_width", "surrogate_scale"])
def test_parameters_without_meaning_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=rf"{name} is 0\.0; expected a positive number"):
        SRMParams(**{name: 0.0})  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="refractory_scale is -1"):
        SRMParams(refractory_scale=-1.0)
