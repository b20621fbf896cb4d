"""The neuron and its gradient on traces worked out by hand."""

import pytest
import torch
from torch import Tensor

from tssl_core import BackendUnavailableError, LIFParams, ParameterError, TSSLParams, reference, spiking_psc
from tssl_core.kernels import available, resolve

LIF = LIFParams(tau_m=4, tau_s=2, threshold=1)
# Dyadic inputs: every quantity below is exact in floating point.
#   t  I     delta_u         u               spike  u'      a
#   0  0.5   0.5             0.5             0      0.5     0
#   1  0.75  0.625           1.125           1      0       0.5
#   2  0.5   0.5             0.5             0      0.5     0.25
#   3  2.0   1.875           2.375           1      0       0.625
CURRENT = torch.tensor([0.5, 0.75, 0.5, 2.0], dtype=torch.float64)
DELTA_U = [0.5, 0.625, 0.5, 1.875]
U = [0.5, 1.125, 0.5, 2.375]
SPIKES = [0.0, 1.0, 0.0, 1.0]
PSC = [0.0, 0.5, 0.25, 0.625]
GRAD = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
# e = [1.125, 0.25, 0.5, 1], G = e / 2
G = [0.5625, 0.125, 0.25, 0.5]


def gradient(tssl: TSSLParams) -> list[float]:
    return reference.backward(GRAD, CURRENT, LIF, tssl).tolist()


def test_forward_follows_the_trace_worked_out_by_hand() -> None:
    trace = reference.simulate(CURRENT, LIF)
    assert trace.delta_u.tolist() == DELTA_U
    assert trace.u.tolist() == U
    assert trace.spike.tolist() == SPIKES
    assert trace.psc.tolist() == PSC


def test_a_membrane_potential_at_the_threshold_does_not_spike() -> None:
    assert reference.simulate(torch.tensor([1.0, 0.0]), LIF).spike.tolist() == [0.0, 0.0]


def test_timing_gradient_follows_the_recursion_worked_out_by_hand() -> None:
    # t=3: inv = 1/1.875 = 8/15; timing = 8/15 * 0.5 = 4/15; theta = 4/15
    # t=2: silent: timing = theta * 3/4 = 0.2; theta = 0.2
    # t=1: inv = 1.6; timing = 1.6 * 0.125 + 0.2 * (1.125/4) * 1.6 = 0.2 + 0.09 = 0.29; theta = 0.29
    # t=0: silent: timing = 0.29 * 3/4 = 0.2175
    assert gradient(TSSLParams(gate="never")) == pytest.approx([0.2175, 0.29, 0.2, 4 / 15], abs=1e-15)


def test_without_the_intra_neuron_term_only_spikes_carry_a_timing_gradient() -> None:
    assert gradient(TSSLParams(gate="never", intra_neuron=False)) == pytest.approx([0, 0.2, 0, 4 / 15], abs=1e-15)


def test_the_inverse_of_delta_u_is_clamped() -> None:
    clamped = gradient(TSSLParams(gate="never", intra_neuron=False, inverse_min=1.0, inverse_max=1.25))
    assert clamped == pytest.approx([0, 1.25 * 0.125, 0, 1.0 * 0.5], abs=1e-15)


def test_the_surrogate_is_the_derivative_of_a_logistic_function() -> None:
    width = 0.3
    u = torch.linspace(0, 2, 21, dtype=torch.float64, requires_grad=True)
    primitive = torch.sigmoid((u - 1) / width).sum()
    (derivative,) = torch.autograd.grad(primitive, u)
    torch.testing.assert_close(reference.surrogate_derivative(u.detach(), LIF, width), derivative, rtol=1e-12, atol=0)


def test_the_always_gate_gives_the_surrogate_everywhere() -> None:
    derivative = reference.surrogate_derivative(torch.tensor(U, dtype=torch.float64), LIF, 0.2)
    expected = (torch.tensor(G, dtype=torch.float64) * derivative).tolist()
    assert gradient(TSSLParams(gate="always")) == pytest.approx(expected, rel=1e-15)


def test_the_neuron_gate_gives_the_surrogate_before_the_first_spike_only() -> None:
    mixed, timing, surrogate = (gradient(TSSLParams(gate=gate)) for gate in ("neuron", "never", "always"))
    # The PSC is 0 at t = 0, and at least 1 / (4 tau_s) = 0.125 afterwards.
    assert mixed == [surrogate[0], *timing[1:]]


@pytest.mark.parametrize(("rate", "expected"), [(0.5, "always"), (0.49, "never")])
def test_the_layer_gate_compares_the_mean_spike_rate(rate: float, expected: str) -> None:
    of_layer = gradient(TSSLParams(gate="layer", layer_rate=rate))
    assert of_layer == gradient(TSSLParams(gate="always" if expected == "always" else "never"))


def test_the_public_call_is_differentiable_and_uses_the_reference_gradient() -> None:
    current = CURRENT.clone().requires_grad_()
    psc = spiking_psc(current, LIF, TSSLParams(), backend="reference")
    psc.backward(GRAD)
    assert current.grad is not None
    assert current.grad.tolist() == gradient(TSSLParams())


@pytest.mark.parametrize("current", [torch.tensor(1.0), torch.zeros(0, 3), torch.zeros(2, 3, dtype=torch.int64)])
def test_a_current_without_time_or_of_integers_is_refused(current: Tensor) -> None:
    with pytest.raises(ParameterError, match=r"current has (shape|dtype).*expected"):
        spiking_psc(current)


def test_an_unknown_backend_is_refused_with_the_names_of_the_known_ones() -> None:
    with pytest.raises(BackendUnavailableError, match=r"'magic'.*auto.*reference"):
        spiking_psc(torch.zeros(1, 1), backend="magic")


def test_auto_takes_a_backend_that_is_available() -> None:
    assert available()[resolve("auto").name] is None


@pytest.mark.parametrize("values", [{"tau_m": 0.5}, {"tau_s": 0.0}, {"threshold": 0.0}])
def test_neuron_parameters_without_meaning_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(values))):
        LIFParams(**values)


def test_gradient_parameters_without_meaning_are_refused() -> None:
    with pytest.raises(ParameterError, match="gate is 'sometimes'; expected one of neuron"):
        TSSLParams(gate="sometimes")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="inverse_min"):
        TSSLParams(inverse_min=3, inverse_max=2)
    with pytest.raises(ParameterError, match="surrogate_width"):
        TSSLParams(surrogate_width=0)
