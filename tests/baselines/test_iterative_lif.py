"""The iterative LIF neuron on traces worked out by hand, and its backward scan against automatic differentiation."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.neurons.iterative_lif import (
    ITERATIVE_LIF,
    IterativeLIF,
    IterativeLIFParams,
    backward,
    forward,
    simulate,
    surrogate_derivative,
)
from tssl_core import ParameterError

VARIANTS = [
    {"surrogate": surrogate, "normalised": normalised, "reset": reset, "detach_reset": detach}
    for surrogate, normalised, reset, detach in itertools.product(
        ("rectangular", "sigmoid"), (True, False), ("zero", "subtract"), (True, False)
    )
]
NEURONS: list[dict[str, Any]] = [
    {"threshold": 0.5, "decay": 0.2, "surrogate_width": 0.5},
    {"threshold": 1.3, "decay": 0.9, "surrogate_width": 0.3},
    {"threshold": 0.7, "decay": 0.0, "surrogate_width": 1.1},
    {"threshold": 0.4, "decay": 1.0, "surrogate_width": 0.2},
]
# Dyadic inputs: every quantity below is exact in floating point. Decay 0.5, threshold 1, rectangle 0.5 < u < 1.5.
#        reset to zero               by subtraction
#   t  I     u       s  r        u        s  r
#   0  0.75  0.75    0  0.75     0.75     0  0.75
#   1  1.0   1.375   1  0        1.375    1  0.375
#   2  0.5   0.5     0  0.5      0.6875   0  0.6875
#   3  2.0   2.25    1  0        2.34375  1  1.34375
#   4  0.5   0.5     0  0.5      1.171875 1  0.171875
CURRENT = torch.tensor([0.75, 1.0, 0.5, 2.0, 0.5], dtype=torch.float64)
GRAD = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)
HAND: dict[str, Any] = {"threshold": 1.0, "decay": 0.5, "surrogate_width": 0.5}
TRACES = {
    "zero": ([0.75, 1.375, 0.5, 2.25, 0.5], [0.0, 1.0, 0.0, 1.0, 0.0]),
    "subtract": ([0.75, 1.375, 0.6875, 2.34375, 1.171875], [0.0, 1.0, 0.0, 1.0, 1.0]),
}
# Slope 1 inside the rectangle: at t = 0, 1 after a reset to zero; at t = 0, 1, 2, 4 after subtraction.
#   zero:      t=4 0    t=3 0 (a spike passes nothing on)    t=2 0.5 * 0 = 0
#              t=1 2 + 0.5 (1 - 1 - 1.375) * 0 = 2           t=0 1 + 0.5 (1 - 0.75) * 2 = 1.25
#   detached:  t=0 1 + 0.5 * 1 * 2 = 2
#   subtract:  t=4 16   t=3 0.5 * 1 * 16 = 8   t=2 4 + 0.5 (1 - 1) * 8 = 4   t=1 2   t=0 1
#   detached:  t=4 16   t=3 8   t=2 4 + 4 = 8   t=1 2 + 4 = 6   t=0 1 + 3 = 4
GRADIENTS = {
    ("zero", False): [1.25, 2.0, 0.0, 0.0, 0.0],
    ("zero", True): [2.0, 2.0, 0.0, 0.0, 0.0],
    ("subtract", False): [1.0, 2.0, 4.0, 8.0, 16.0],
    ("subtract", True): [4.0, 6.0, 8.0, 8.0, 16.0],
}


class Spike(torch.autograd.Function):
    """A step whose derivative is written down a second time here."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, params: IterativeLIFParams) -> Tensor:
        ctx.save_for_backward(u)
        ctx.params = params
        return (u > params.threshold).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        p, x = ctx.params, u - ctx.params.threshold
        if p.surrogate == "rectangular":
            h = torch.where(x.abs() < p.surrogate_width, 1.0, 0.0).to(u.dtype)
            h = h / (2 * p.surrogate_width) if p.normalised else h
        else:
            h = 1 / torch.cosh(x / (2 * p.surrogate_width)) ** 2
            h = h / (4 * p.surrogate_width) if p.normalised else h
        return grads[0] * h, None


def unrolled(current: Tensor, params: IterativeLIFParams) -> Tensor:
    """The neuron as Wu et al. write it, one step after the other, for autograd to differentiate."""
    membrane, spike = torch.zeros_like(current[0]), torch.zeros_like(current[0])
    spikes = []
    for step in current:
        gate = spike.detach() if params.detach_reset else spike
        if params.reset == "zero":
            membrane = membrane * params.decay * (1 - gate) + step
        else:
            membrane = (membrane - params.threshold * gate) * params.decay + step
        spike = Spike.apply(membrane, params)
        spikes.append(spike)
    return torch.stack(spikes)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("reset", TRACES)
def test_forward_follows_the_trace_worked_out_by_hand(reset: str) -> None:
    u, spike = simulate(CURRENT, IterativeLIFParams(**HAND, reset=reset))  # type: ignore[arg-type]
    assert (u.tolist(), spike.tolist()) == TRACES[reset]


@pytest.mark.parametrize(("reset", "detach"), GRADIENTS)
def test_backward_follows_the_recursion_worked_out_by_hand(reset: str, detach: bool) -> None:
    params = IterativeLIFParams(**HAND, reset=reset, detach_reset=detach)  # type: ignore[arg-type]
    assert backward(GRAD, CURRENT, params).tolist() == GRADIENTS[reset, detach]


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: "-".join(map(str, neuron.values())))
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: "-".join(map(str, variant.values())))
def test_backward_is_what_autograd_makes_of_the_unrolled_neuron(
    variant: dict[str, Any], neuron: dict[str, Any]
) -> None:
    params = IterativeLIFParams(**variant, **neuron)
    current = (normal(12, 3, 40) * 0.8 + 0.3).requires_grad_()
    grad = normal(12, 3, 40, seed=1)
    spikes = unrolled(current, params)
    (expected,) = torch.autograd.grad(spikes, current, grad)
    assert 0.1 < spikes.mean() < 0.9
    assert torch.equal(forward(current.detach(), params), spikes)
    torch.testing.assert_close(backward(grad, current.detach(), params), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("surrogate", ["rectangular", "sigmoid"])
def test_a_normalised_surrogate_has_integral_one_and_any_other_has_peak_one(surrogate: Any) -> None:
    width, step = 0.3, 1e-3
    u = torch.arange(-9, 11, step, dtype=torch.float64)
    normalised, plain = (
        surrogate_derivative(
            u, IterativeLIFParams(threshold=1, surrogate=surrogate, surrogate_width=width, normalised=value)
        )
        for value in (True, False)
    )
    assert normalised.sum() * step == pytest.approx(1, abs=5e-3)
    assert plain.max() == pytest.approx(1, abs=1e-6)
    assert normalised.max() == pytest.approx(1 / (2 * width if surrogate == "rectangular" else 4 * width), rel=1e-6)


def test_the_smooth_surrogate_is_the_derivative_of_a_logistic_function() -> None:
    u = torch.linspace(0, 2, 21, dtype=torch.float64, requires_grad=True)
    (derivative,) = torch.autograd.grad(torch.sigmoid((u - 1) / 0.3).sum(), u)
    params = IterativeLIFParams(threshold=1, surrogate="sigmoid", surrogate_width=0.3)
    torch.testing.assert_close(surrogate_derivative(u.detach(), params), derivative, rtol=1e-12, atol=0)


def test_the_edge_of_the_rectangle_and_the_threshold_itself_are_outside() -> None:
    params = IterativeLIFParams(threshold=1, surrogate_width=0.5)
    u = torch.tensor([0.5, 0.75, 1.0, 1.25, 1.5])
    assert surrogate_derivative(u, params).tolist() == [0, 1, 1, 1, 0]
    assert forward(torch.tensor([[1.0, 1.0 + 2**-23]]), params).tolist() == [[0, 1]]


def test_threshold_width_and_current_scale_together() -> None:
    current, grad = normal(6, 50), normal(6, 50, seed=1)
    small, large = (IterativeLIFParams(threshold=size, surrogate_width=size / 2) for size in (0.25, 1.0))
    assert torch.equal(forward(current, small), forward(4 * current, large))
    torch.testing.assert_close(backward(grad, current, small), 4 * backward(grad, 4 * current, large))


def test_the_layer_is_differentiable_and_its_output_is_its_spikes() -> None:
    layer = IterativeLIF(IterativeLIFParams(**HAND))
    current = CURRENT.clone().requires_grad_()
    output = layer(current)
    assert output.tolist() == TRACES["zero"][1]
    assert layer.spikes(output) is output
    output.backward(GRAD)
    assert current.grad is not None
    assert current.grad.tolist() == GRADIENTS["zero", False]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_pytorch_accepts_the_operator() -> None:
    assert ITERATIVE_LIF.available()["reference"] is None
    current = torch.rand(4, 2, 9).transpose(1, 2) * 2
    options = (0.5, 0.7, "sigmoid", 0.3, True, "zero", False, "reference")
    torch.library.opcheck(torch.ops.tssl.iterative_lif.default, (current.detach().requires_grad_(), *options))
    torch.library.opcheck(torch.ops.tssl.iterative_lif_backward.default, (torch.rand(4, 9, 2), current, *options))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 0.0}, r"threshold is 0\.0; expected a positive"),
        ({"decay": 1.5}, r"decay is 1\.5; expected a factor between 0 and 1"),
        ({"surrogate": "step"}, "surrogate is 'step'; expected one of rectangular, sigmoid"),
        ({"surrogate_width": -1.0}, r"surrogate_width is -1\.0; expected a positive"),
        ({"reset": "half"}, "reset is 'half'; expected one of zero, subtract"),
    ],
)
def test_parameters_without_meaning_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        IterativeLIFParams(**values)
