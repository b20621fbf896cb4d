"""The iterative LIF neuron against the libraries that have it, on equal currents: spikes exactly, then gradients.

What is compared is what a library computes equally:

- SpikingJelly's ``LIFNode`` without decay of the input, both resets, the reset detached or not.
- snnTorch's ``Leaky``. By default it resets one step late, with the reset always detached. For a reset to zero this is
  the same spike train. For subtraction it is not: it takes the threshold from the membrane potential after the decay,
  and we, like SpikingJelly, before. With ``reset_delay=False`` it resets as we do and through the spike's gradient,
  unless the membrane potential is above the threshold after a subtraction, when it subtracts again; the currents
  of that test are small enough. This has no detached form.
- norse's ``LIFBoxCell`` on an input scaled by 1 / (1 - decay), which norse multiplies by 1 - decay; the reset is never
  detached. Its ``tanh`` surrogate leaves out the factor k, so that its peak is 1.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIFParams, Reset, simulate

THRESHOLD, DECAY, WIDTH = 1.0, 0.75, 0.25
STEPS = 20
# Peers are no dependency of the suite; each test says which one it lacks.
REASON = "compares with an installed peer library; pip install {}"


def params_of(reset: Reset, *, detach_reset: bool, normalised: bool = True) -> IterativeLIFParams:
    return IterativeLIFParams(
        threshold=THRESHOLD,
        decay=DECAY,
        surrogate="sigmoid",
        surrogate_width=WIDTH,
        normalised=normalised,
        reset=reset,
        detach_reset=detach_reset,
    )


def inputs(limit: float = 10.0) -> tuple[Tensor, Tensor]:
    """Current and upstream gradient ``[T, B, N]``."""
    draw = torch.Generator().manual_seed(5)
    current = 0.3 + torch.randn(STEPS, 4, 60, generator=draw, dtype=torch.float64)
    # Through float32, as snnTorch's spikes have that type and round their gradient to it.
    grad = torch.randn(STEPS, 4, 60, generator=draw).double()
    return current.clamp(max=limit), grad


def assert_same(current: Tensor, grad: Tensor, params: IterativeLIFParams, peer: Any, tolerance: float) -> None:
    """Hold spikes and gradients of a function of the current against ours."""
    theirs_in, ours_in = (current.clone().requires_grad_() for _ in range(2))
    theirs, ours = peer(theirs_in), ITERATIVE_LIF(ours_in, params)
    assert 0.1 < ours.mean() < 0.9
    assert torch.equal(theirs.to(ours.dtype), ours)
    (expected,) = torch.autograd.grad(theirs, theirs_in, grad.to(theirs.dtype))
    (gradient,) = torch.autograd.grad(ours, ours_in, grad)
    assert expected.abs().mean() > 0.1
    torch.testing.assert_close(gradient, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("step_mode", ["s", "m"])
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_spikingjelly_gives_the_same_spikes_and_gradients(reset: Reset, detach_reset: bool, step_mode: str) -> None:
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron", reason=REASON.format("spikingjelly"))
    surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")
    node = neuron.LIFNode(
        tau=1 / (1 - DECAY),
        decay_input=False,
        v_threshold=THRESHOLD,
        v_reset=0.0 if reset == "zero" else None,
        surrogate_function=surrogate.Sigmoid(alpha=1 / WIDTH),
        detach_reset=detach_reset,
        step_mode=step_mode,
    )

    def peer(current: Tensor) -> Tensor:
        output: Tensor = node(current) if step_mode == "m" else torch.stack([node(step) for step in current])
        return output

    assert_same(*inputs(), params_of(reset, detach_reset=detach_reset), peer, 1e-12)


def snntorch_leaky(reset: Reset, *, reset_delay: bool) -> Any:
    snntorch = pytest.importorskip("snntorch", reason=REASON.format("snntorch"))
    surrogate = pytest.importorskip("snntorch.surrogate")
    leaky = snntorch.Leaky(
        beta=torch.tensor(DECAY, dtype=torch.float64),
        threshold=THRESHOLD,
        spike_grad=surrogate.sigmoid(slope=1 / WIDTH),
        reset_mechanism=reset,
        reset_delay=reset_delay,
    )

    def peer(current: Tensor) -> Tensor:
        membrane, spikes = torch.zeros_like(current[0]), []
        for step in current:
            spike, membrane = leaky(step, membrane)
            spikes.append(spike)
        return torch.stack(spikes)

    return peer


def test_snntorch_gives_the_same_spikes_and_gradients_if_it_resets_to_zero() -> None:
    assert_same(*inputs(), params_of("zero", detach_reset=True), snntorch_leaky("zero", reset_delay=True), 1e-6)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_snntorch_gives_the_same_spikes_and_gradients_without_its_delay(reset: Reset) -> None:
    # What a subtraction leaves is then at most the threshold: 0.75 * 1 + 1.25 - 1.
    current, grad = inputs(limit=1.25 if reset == "subtract" else 10.0)
    params = params_of(reset, detach_reset=False)
    u, spike = simulate(current, params)
    assert reset == "zero" or (u - THRESHOLD * spike).max() <= THRESHOLD
    assert_same(current, grad, params, snntorch_leaky(reset, reset_delay=False), 1e-6)


def test_snntorch_subtracts_later_than_we_do_by_default() -> None:
    current, _ = inputs()
    theirs = snntorch_leaky("subtract", reset_delay=True)(current)
    assert not torch.equal(theirs.double(), ITERATIVE_LIF(current, params_of("subtract", detach_reset=True)))


# norse compiles functions with torch.jit when it is imported, which newer versions of torch call deprecated.
@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:FutureWarning")
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_norse_gives_the_same_spikes_and_gradients(reset: Reset) -> None:
    pytest.importorskip("norse.torch", reason=REASON.format("norse"))
    box = pytest.importorskip("norse.torch.functional.lif_box")
    resets = pytest.importorskip("norse.torch.functional.reset")
    leak = 1 - DECAY
    parameters = box.LIFBoxParameters(
        tau_mem_inv=leak,
        v_leak=0.0,
        v_th=THRESHOLD,
        v_reset=0.0,
        method="tanh",
        alpha=1 / (2 * WIDTH),
        reset_method=resets.reset_value if reset == "zero" else resets.reset_subtract,
    )

    def peer(current: Tensor) -> Tensor:
        state, spikes = box.LIFBoxFeedForwardState(v=torch.zeros_like(current[0])), []
        for step in current:
            spike, state = box.lif_box_feed_forward_step(step / leak, state, parameters, dt=1.0)
            spikes.append(spike)
        return torch.stack(spikes)

    assert_same(*inputs(), params_of(reset, detach_reset=False, normalised=False), peer, 1e-12)
