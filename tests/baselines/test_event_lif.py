"""EventProp's neuron: traces worked out by hand, spike times and gradients in continuous time, and its adjoint."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional as F

from baselines.neurons.event_lif import (
    EVENT_LIF,
    Coefficients,
    EventLIF,
    EventLIFParams,
    LeakyIntegrator,
    backward,
    forward,
    simulate,
    slope_in_time,
)
from tssl_core import ParameterError
from tssl_core.losses import spike_train_loss

LN2 = math.log(2)
# tau_m = tau_s = 1 / ln 2: alpha = beta = 1/2, and kappa = ln 2 / 2. Inputs in units of 2 / ln 2, threshold 1:
#   t   x    i      v                          rise     s   r
#   0   1    1      1                          1        0   1         at the threshold is not above it
#   1   1    3/2    1/2 + 3/2 = 2              1        1   0
#   2   0    3/4    3/4                        3/4      0   3/4
#   3   1    11/8   3/8 + 11/8 = 7/4           1        1   0
HAND = EventLIFParams(tau_m=1 / LN2, tau_s=1 / LN2, threshold=1.0)
INPUT = torch.tensor([1.0, 1.0, 0.0, 1.0], dtype=torch.float64) * 2 / LN2
GRAD = torch.tensor([1.0, 3.0, 7.0, 5.0], dtype=torch.float64)
# Slopes of GRAD in time, 0 behind the window:    central 2, 3, 1, -7/2; forward 2, 4, -2, -5.
# threshold / tau_m = ln 2 = L. Central:
#   t = 3: d = 7/2                            z = 7/2                          y[2] = 7/4
#   t = 2: d = 7/4                            z = 7/4 + 7/4 = 7/2              y[1] = 7/8
#   t = 1: d = -3 + 7/8 (1 + L)               z = d + 7/4                      y[0] = d / 2
#   t = 0: d = y[0]                           z = y[0] + z[1] / 2
# with z in units of kappa = ln 2 / 2.
D1 = -3 + 7 / 8 * (1 + LN2)
EXPECTED = torch.tensor([D1 / 2 + (D1 + 7 / 4) / 2, D1 + 7 / 4, 7 / 2, 7 / 2], dtype=torch.float64) * LN2 / 2


def test_a_trace_worked_out_by_hand() -> None:
    trace = simulate(INPUT, HAND)
    # Rounding decides about a potential at the threshold: a hair less input keeps it below.
    below = simulate(INPUT * (1 - 1e-12), HAND)
    assert below.spike.tolist() == [0, 1, 0, 1]
    torch.testing.assert_close(below.v, torch.tensor([1, 2, 0.75, 1.75], dtype=torch.float64))
    torch.testing.assert_close(below.rise, torch.tensor([1, 1, 0.75, 1], dtype=torch.float64))
    assert trace.v.dtype == torch.float64


def test_a_gradient_worked_out_by_hand() -> None:
    assert slope_in_time(GRAD, "central").tolist() == [2, 3, 1, -3.5]
    assert slope_in_time(GRAD, "forward").tolist() == [2, 4, -2, -5]
    assert slope_in_time(GRAD[:1], "central").tolist() == [-1]
    torch.testing.assert_close(backward(GRAD, INPUT * (1 - 1e-12), HAND), EXPECTED)


# The continuous-time neuron, from one event to the next in closed form: an oracle that knows no grid.
TAU_M, TAU_S, DURATION = 2.0, 0.5, 2.5
INPUTS = ((0.25,), (0.75,), (1.0,))
STEPS = (32, 64, 128, 256)
"""Steps in a unit of time."""
FINE = 6144


def response(time: float) -> float:
    """Potential that a spike of weight 1 leaves after some time."""
    return TAU_S / (TAU_M - TAU_S) * (math.exp(-time / TAU_M) - math.exp(-time / TAU_S)) if time > 0 else 0.0


def spike_times(row: Sequence[float], trains: Sequence[Sequence[float]], threshold: float = 1.0) -> list[float]:
    """Times at which the potential of a neuron with weights `row` crosses the threshold on its way up."""
    arrivals = sorted((time, weight) for weight, times in zip(row, trains, strict=True) for time in times)
    found: list[float] = []
    now, potential, synapse = 0.0, 0.0, 0.0
    for arrival, weight in [*arrivals, (DURATION, 0.0)]:
        while (crossing := first_crossing(potential, synapse, arrival - now, threshold)) is not None:
            now, potential, synapse = now + crossing, 0.0, synapse * math.exp(-crossing / TAU_S)
            found.append(now)
        gap = arrival - now
        potential = potential * math.exp(-gap / TAU_M) + synapse * response(gap)
        now, synapse = arrival, synapse * math.exp(-gap / TAU_S) + weight
    return found


def first_crossing(potential: float, synapse: float, gap: float, threshold: float) -> float | None:
    """When, within `gap`, a potential below the threshold crosses it: before its only maximum, if at all."""
    fast = synapse * TAU_S / (TAU_M - TAU_S)
    slow, peak = potential + fast, gap
    if slow > 0 and fast > 0:
        peak = min(gap, math.log(fast * TAU_M / (slow * TAU_S)) / (1 / TAU_S - 1 / TAU_M))

    def above(time: float) -> float:
        return slow * math.exp(-time / TAU_M) - fast * math.exp(-time / TAU_S) - threshold

    return float(brentq(above, 0, peak, xtol=1e-15, rtol=1e-14)) if peak > 0 and above(peak) > 0 else None


def through(layer: Tensor, trains: Sequence[Sequence[float]]) -> list[list[float]]:
    """Spike times of a layer of weights ``[out, in]``, from those of its input."""
    return [spike_times(row, trains) for row in layer.tolist()]


def on_a_grid(trains: Sequence[Sequence[float]], steps: int) -> Tensor:
    """Spike trains ``[T, 1, N]`` from the times of N neurons."""
    spikes = torch.zeros(round(DURATION * steps), 1, len(trains), dtype=torch.float64)
    for neuron, times in enumerate(trains):
        for time in times:
            spikes[round(time * steps), 0, neuron] += 1
    return spikes


def neuron_of(steps: int, **parameters: Any) -> EventLIFParams:
    return EventLIFParams(tau_m=TAU_M * steps, tau_s=TAU_S * steps, threshold=1.0, **parameters)


def step_times(spikes: Tensor, steps: int, layers: int) -> Tensor:
    """When the steps are, ``[T]``: a spike comes at the end of its step, and is in the same step to the next layer."""
    return (torch.arange(len(spikes), dtype=spikes.dtype) + layers) / steps


def differences(loss: Callable[[Tensor], float], weights: Tensor, size: float = 1e-5) -> Tensor:
    """Central differences of a loss in each weight."""
    gradient = torch.empty_like(weights)
    for index in range(weights.numel()):
        move = torch.zeros(weights.numel(), dtype=weights.dtype)
        move[index] = size
        move = move.view_as(weights)
        gradient.view(-1)[index] = (loss(weights + move) - loss(weights - move)) / (2 * size)
    return gradient


def error(gradient: Tensor | None, expected: Tensor) -> float:
    assert gradient is not None
    return ((gradient - expected).abs().max() / expected.abs().max()).item()


def cost(time: Any) -> Any:
    """A cost of when a spike comes, without an extremum in the window."""
    return time**2 / 4 + time


def assert_halving(errors: Sequence[float]) -> None:
    assert all(coarse / fine == pytest.approx(2, rel=0.2) for coarse, fine in pairwise(errors)), errors


# A neuron whose two spikes lie on all grids, and a network with such spikes alone, so that no time is rounded: their
# potential there is a hair above the threshold. What is left is an error of the first order in the step.
HAIR = 1e-9
FIRST, SECOND = 0.625, 1.5


def neuron_with_spikes_on_the_grid() -> Tensor:
    """Weights of its three inputs: the first alone makes the first spike, the third the second."""
    first = (1 + HAIR) / response(FIRST - INPUTS[0][0])
    synapse = first * math.exp(-(FIRST - INPUTS[0][0]) / TAU_S)
    second = (1 + HAIR - synapse * response(SECOND - FIRST)) / response(SECOND - 0.75)
    return torch.tensor([[first, second, 0.0]], dtype=torch.float64)


def network_with_spikes_on_the_grid() -> tuple[Tensor, Tensor]:
    """Weights of two layers, three inputs to four neurons to two, each of which spikes once."""
    generator = torch.Generator().manual_seed(1)
    layers: list[Tensor] = []
    trains: Sequence[tuple[float, ...]] = INPUTS
    for goals in ((1.125, 1.25, 1.3125, 1.375), (1.75, 1.875)):
        weights = 0.5 + torch.rand(len(goals), len(trains), dtype=torch.float64, generator=generator)
        for row, goal in zip(weights, goals, strict=True):
            row *= (1 + HAIR) / sum(w * response(goal - t) for w, (t,) in zip(row.tolist(), trains, strict=True))
        layers.append(weights)
        trains = tuple((goal,) for goal in goals)
    hidden, output = layers
    return hidden, output


def gradient_of_one_neuron(steps: int, weights: Tensor, **parameters: Any) -> Tensor:
    """Return the gradient of the summed cost of all spikes."""
    weights = weights.clone().requires_grad_()
    spikes = EVENT_LIF(on_a_grid(INPUTS, steps) @ weights.T, neuron_of(steps, **parameters))
    (spikes[:, 0, 0] * cost(step_times(spikes, steps, 1))).sum().backward()
    assert weights.grad is not None
    return weights.grad


def gradients_of_two_layers(steps: int, hidden: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
    first, second = hidden.clone().requires_grad_(), output.clone().requires_grad_()
    between = EVENT_LIF(on_a_grid(INPUTS, steps) @ first.T, neuron_of(steps))
    spikes = EVENT_LIF(between @ second.T, neuron_of(steps))
    (spikes.sum(2)[:, 0] * cost(step_times(spikes, steps, 2))).sum().backward()
    assert first.grad is not None
    assert second.grad is not None
    return first.grad, second.grad


def total_cost(trains: Sequence[Sequence[float]]) -> float:
    return float(sum(cost(time) for times in trains for time in times))


@pytest.mark.parametrize("difference", ["central", "forward"])
def test_the_gradient_of_a_neurons_spike_times_has_an_error_that_halves_with_the_step(difference: str) -> None:
    weights = neuron_with_spikes_on_the_grid()
    assert through(weights, INPUTS)[0] == pytest.approx([FIRST, SECOND])
    expected = differences(lambda moved: total_cost(through(moved, INPUTS)), weights)
    gradients = [gradient_of_one_neuron(steps, weights, difference=difference) for steps in (*STEPS, FINE)]
    assert_halving([error(gradient, expected) for gradient in gradients[:-1]])
    assert error(gradients[-1], expected) < 1e-3


def test_the_gradient_of_a_networks_spike_times_has_an_error_that_halves_with_the_step() -> None:
    hidden, output = network_with_spikes_on_the_grid()
    assert [len(times) for times in through(output, through(hidden, INPUTS))] == [1, 1]
    expected = (
        differences(lambda moved: total_cost(through(output, through(moved, INPUTS))), hidden),
        differences(lambda moved: total_cost(through(moved, through(hidden, INPUTS))), output),
    )
    gradients = [gradients_of_two_layers(steps, hidden, output) for steps in (*STEPS, FINE)]
    for layer in (0, 1):
        assert_halving([error(pair[layer], expected[layer]) for pair in gradients[:-1]])
        assert error(gradients[-1][layer], expected[layer]) < 1e-3


def test_spikes_between_grid_points_come_less_than_two_steps_late_and_their_gradient_converges() -> None:
    # Where a time is rounded, the error is no smooth function of the step any more, but still falls with it.
    weights = torch.tensor([[4.0, 3.0, 3.5]], dtype=torch.float64)
    (true,) = through(weights, INPUTS)
    expected = differences(lambda moved: total_cost(through(moved, INPUTS)), weights)
    for steps in (128, 1024):
        spikes = forward(on_a_grid(INPUTS, steps) @ weights.T, neuron_of(steps))[:, 0, 0]
        found = step_times(spikes, steps, 1)[spikes > 0]
        delay = (found - torch.tensor(true, dtype=torch.float64)) * steps
        assert ((delay >= 0) & (delay < 2)).all(), delay
        assert error(gradient_of_one_neuron(steps, weights), expected) < 5 / steps


def van_rossum(times: Sequence[float], target: Sequence[float], tau: float) -> float:
    """Half the squared distance over the window of both trains, filtered by ``exp(-t / tau) / tau``."""

    def overlap(a: Sequence[float], b: Sequence[float]) -> float:
        return sum(
            (math.exp(-abs(s - t) / tau) - math.exp((s + t - 2 * DURATION) / tau)) / (2 * tau) for s in a for t in b
        )

    return 0.5 * (overlap(times, times) - 2 * overlap(times, target) + overlap(target, target))


def test_the_gradient_of_a_van_rossum_distance_converges_with_central_differences_alone() -> None:
    # A spike's own trace jumps where it begins: from one side alone, half the jump is missing.
    weights, target, tau = neuron_with_spikes_on_the_grid(), (0.5, 1.75), 0.75
    expected = differences(lambda moved: van_rossum(through(moved, INPUTS)[0], target, tau), weights)

    def errors(difference: str) -> list[float]:
        found = []
        for steps in STEPS:
            moved = weights.clone().requires_grad_()
            spikes = EVENT_LIF(on_a_grid(INPUTS, steps) @ moved.T, neuron_of(steps, difference=difference))
            wanted = on_a_grid([[time - 1 / steps for time in target]], steps)
            (steps * spike_train_loss(spikes, wanted, tau_s=tau * steps)).backward()
            found.append(error(moved.grad, expected))
        return found

    assert_halving(errors("central"))
    assert min(errors("forward")) > 0.5


@pytest.mark.parametrize("readout", ["mean", "max"])
def test_the_gradient_of_a_readout_without_spikes_converges(readout: str) -> None:
    hidden, _ = network_with_spikes_on_the_grid()
    output = torch.tensor([[3.0, 1.0, -1.0, 2.0], [-2.0, 2.0, 2.5, 1.0]], dtype=torch.float64)
    moments = torch.linspace(0, DURATION, 20001, dtype=torch.float64)
    label = torch.tensor([1])

    def continuous(hidden: Tensor, output: Tensor) -> float:
        delays = moments[:, None] - torch.tensor(through(hidden, INPUTS), dtype=torch.float64)[:, 0]
        kernels = TAU_S / (TAU_M - TAU_S) * ((-delays / TAU_M).exp() - (-delays / TAU_S).exp())
        potential = torch.where(delays > 0, kernels, 0) @ output.T
        logits = torch.trapezoid(potential, moments, dim=0) / DURATION if readout == "mean" else potential.amax(0)
        return F.cross_entropy(logits[None], label).item()

    expected = (
        differences(lambda moved: continuous(moved, output), hidden),
        differences(lambda moved: continuous(hidden, moved), output),
    )
    found = []
    for steps in STEPS:
        first, second = hidden.clone().requires_grad_(), output.clone().requires_grad_()
        spikes = EVENT_LIF(on_a_grid(INPUTS, steps) @ first.T, neuron_of(steps))
        potential = LeakyIntegrator(neuron_of(steps))(spikes @ second.T)
        F.cross_entropy(potential.mean(0) if readout == "mean" else potential.amax(0), label).backward()
        found.append((error(first.grad, expected[0]), error(second.grad, expected[1])))
    for errors in zip(*found, strict=True):
        if readout == "mean":
            assert_halving(errors)
        else:  # the moment of the maximum is rounded
            assert all(wrong < 10 / steps for wrong, steps in zip(errors, STEPS, strict=True)), errors


def random_case(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    current, grad = (torch.randn(*shape, dtype=torch.float64, generator=generator) for _ in range(2))
    return current + 0.3, grad


@pytest.mark.parametrize("parameters", [{}, {"tau_m": 2.0, "tau_s": 6.0}, {"tau_m": 3.0, "tau_s": 3.0}])
def test_the_adjoint_is_automatic_differentiation_of_its_linearised_neuron(parameters: dict[str, Any]) -> None:
    params = EventLIFParams(threshold=0.25, **parameters)
    current, grad = random_case(23, 3, 5)
    alpha, beta, kappa = Coefficients.of(params)
    leaf = current.clone().requires_grad_()
    synapse = rest = torch.zeros(3, 5, dtype=torch.float64)
    moved: Any = 0.0
    slopes = slope_in_time(grad, "central")
    for step, slope in zip(leaf, slopes, strict=True):
        synapse = alpha * synapse + step
        v = beta * rest + kappa * synapse
        speed = (v - rest).detach()
        spiked = v > params.threshold
        # A potential that is higher by dv spikes dv / speed earlier, and is then ahead by that time in its new course.
        moved = moved - torch.where(spiked, slope / speed * v, 0).sum()
        ahead = (v - v.detach()) * (speed + params.threshold / params.tau_m) / speed
        rest = torch.where(spiked, ahead, v)
    moved.backward()
    assert leaf.grad is not None
    assert 0.1 < forward(current, params).mean() < 0.9
    torch.testing.assert_close(backward(grad, current, params), leaf.grad)


def test_the_step_is_exact_between_spikes_for_any_time_constants() -> None:
    for tau_m, tau_s in ((5.0, 2.0), (2.0, 5.0), (3.0, 3.0)):
        params = EventLIFParams(tau_m=tau_m, tau_s=tau_s, threshold=1e9)
        pulse = torch.zeros(12, 1, dtype=torch.float64)
        pulse[0] = 1
        time = torch.arange(1, 13, dtype=torch.float64)[:, None]
        if tau_m == tau_s:
            expected = time / tau_m * (-time / tau_m).exp()
        else:
            expected = tau_s / (tau_m - tau_s) * ((-time / tau_m).exp() - (-time / tau_s).exp())
        torch.testing.assert_close(simulate(pulse, params).v, expected)
        torch.testing.assert_close(LeakyIntegrator(params)(pulse), expected)


def test_a_neuron_without_spikes_has_no_gradient() -> None:
    current, grad = random_case(9, 2, 3)
    assert not backward(grad, current, EventLIFParams(threshold=1e9)).any()
    assert not backward(grad, current, EventLIFParams(threshold=1e9, rate_strength=1.0)).any()


def test_slopes_below_the_smallest_count_as_that() -> None:
    params = EventLIFParams(tau_m=4.0, tau_s=2.0, threshold=0.5)
    kappa = Coefficients.of(params).gain
    # One step, a rise of 0.6: h = -1, so that z = kappa / 0.6, or over the smallest rise of 2 thresholds.
    current, grad = torch.tensor([[0.6 / kappa]]), torch.tensor([[1.0]])
    assert backward(grad, current, params).item() == pytest.approx(kappa / 0.6)
    limited = EventLIFParams(tau_m=4.0, tau_s=2.0, threshold=0.5, smallest_rise=2.0)
    assert backward(grad, current, limited).item() == pytest.approx(kappa / 1.0)


def test_the_rate_term_acts_at_spikes_by_how_many_they_are_too_many() -> None:
    params = EventLIFParams(threshold=0.5)
    kappa, alpha = Coefficients.of(params).gain, Coefficients.of(params).synapse
    # Spikes in steps 0 and 2; z = kappa d + alpha z of the next step, and nothing goes through a reset that is free.
    current = torch.tensor([[0.6], [0.0], [0.0]], dtype=torch.float64) / kappa
    current[1] -= alpha * current[0]
    current[2] = 0.6 / kappa
    assert forward(current, params).flatten().tolist() == [1, 0, 1]
    strong = EventLIFParams(threshold=0.5, rate_strength=0.3, rate_target=0.25)
    found = backward(torch.zeros_like(current), current, strong)
    assert found[2].item() == pytest.approx(0.3 * (2 - 3 * 0.25) * kappa)
    assert (found > 0).all()


def test_layers_tell_which_neurons_and_channels_have_fired() -> None:
    layer = EventLIF(EventLIFParams(threshold=0.1))
    current = torch.zeros(2, 3, 2)
    current[1, 2, 0] = 10
    assert torch.equal(layer.spikes(layer(current)), layer(current))
    assert layer.fired is not None
    assert layer.fired.tolist() == [True, False]
    maps = torch.zeros(2, 3, 4, 5, 6)
    maps[0, 1, 2, 4, 3] = 10
    layer(maps)
    assert layer.fired.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tau_s": 0.0}, r"tau_s is 0\.0; expected a positive number"),
        ({"rate_strength": -1.0}, r"rate_strength is -1\.0; expected 0 or a positive number"),
        ({"difference": "backward"}, "difference is 'backward'; expected one of central, forward"),
    ],
)
def test_parameters_without_meaning_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        EventLIFParams(**parameters)
