"""QCFS: the staircase and its gradient against hand and autograd, its spiking twin against theory and SpikingJelly."""

from copy import deepcopy
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import get_method
from baselines.qcfs import QCFSModel, QCFSNeuron, QCFSParameters, clip_floor_shift
from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.samples.split import ImageSplit
from benchmarks.metrics.accuracy import accuracy_at_steps
from benchmarks.training.optimisation import make_optimizer
from benchmarks.training.training import Training, prepare
from tssl_core import ParameterError

CPU = torch.device("cpu")
DIGITS = get_dataset("digits").load(Path())
NETWORK = "8C3p1d0.1-P2-16C3p1-P2-64"
POWERS = [1, 2, 4, 8, 16]


def training_on_digits(*, epochs: int, time_steps: int = 4, **parameters: Any) -> Training:
    values = {"dataset": "digits", "method": "qcfs", "architecture": NETWORK, "batch_size": 32, "epochs": epochs}
    config = validate_run(
        {**values, "time_steps": time_steps, "optimizer": {"learning_rate": 2e-3}, "parameters": parameters}
    )
    training = prepare(config, Execution(device="cpu"), DIGITS)
    for _ in training.epochs():
        pass
    return training


@cache
def _trained() -> Training:
    with torch.enable_grad():
        return training_on_digits(epochs=15)


def trained() -> QCFSModel:
    """A copy of a trained network."""
    model = deepcopy(_trained().model)
    assert isinstance(model, QCFSModel)
    return model


def neuron(threshold: float, levels: int = 4) -> QCFSNeuron:
    return QCFSNeuron(levels, threshold, "auto")


def mean_output(current: Tensor, threshold: float, time_steps: int) -> Tensor:
    """Mean over time of what spiking neurons answer to a constant current ``[N]``."""
    with torch.no_grad():
        output: Tensor = neuron(threshold).eval()(current.expand(time_steps, -1)).mean(0)
    return output


def test_a_staircase_worked_by_hand() -> None:
    current = torch.tensor([-1.0, -0.25, 0.2, 0.25, 0.7, 0.75, 1.7, 1.75, 3.0])
    # Threshold 2 and four levels: steps of 0.5, each taken half a step early.
    expected = [0, 0, 0, 0.5, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert clip_floor_shift(current, torch.tensor(2.0), 4).tolist() == expected
    assert neuron(2.0).train()(current).tolist() == expected


def test_the_gradient_is_that_of_the_publication() -> None:
    current = torch.tensor([-0.3, -0.2, 0.2, 0.9, 1.7, 1.8, 3.0], dtype=torch.float64, requires_grad=True)
    threshold = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    output = clip_floor_shift(current, threshold, 4)
    in_threshold = [torch.autograd.grad(value, threshold, retain_graph=True)[0].item() for value in output]
    (in_current,) = torch.autograd.grad(output.sum(), current)
    # 1 between -2/8 and 2 - 2/8.
    assert in_current.tolist() == [0, 1, 1, 1, 1, 0, 0]
    # (h - z) / 2 there, with h = 0, 0, 1, 1.5; 0 below and 1 above.
    assert in_threshold == pytest.approx([0, 0.1, -0.1, 0.05, -0.1, 1, 1])


def straight_through(current: Tensor, threshold: Tensor, levels: int) -> Tensor:
    """The staircase in operations that autograd knows, with a floor whose derivative is 1."""
    shifted = current * levels / threshold + 0.5
    floor = shifted + (shifted.floor() - shifted).detach()
    clipped = torch.where(shifted >= levels, torch.full_like(floor, levels), floor)
    return threshold / levels * torch.where(shifted <= 0, torch.zeros_like(floor), clipped)


@pytest.mark.parametrize("levels", [1, 3, 4, 8])
@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.7])
def test_the_gradient_is_that_of_autograd_with_a_floor_whose_derivative_is_one(levels: int, threshold: float) -> None:
    draw = torch.Generator().manual_seed(levels)
    current = threshold * (2 * torch.rand(3, 7, 11, dtype=torch.float64, generator=draw) - 0.5)
    upstream = torch.randn(current.shape, dtype=torch.float64, generator=draw)
    gradients = []
    for form in (clip_floor_shift, straight_through):
        leaves = (current.clone().requires_grad_(), torch.tensor(threshold, dtype=torch.float64, requires_grad=True))
        output = form(*leaves, levels)
        gradients.append((output, *torch.autograd.grad(output, leaves, upstream)))
    torch.testing.assert_close(*gradients)


@settings(deadline=None)
@given(
    numerators=st.lists(st.integers(-100, 500), min_size=1, max_size=30),
    threshold=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    levels=st.sampled_from(POWERS),
)
def test_with_as_many_steps_as_levels_a_layer_with_constant_input_loses_nothing(
    numerators: list[int], threshold: float, levels: int
) -> None:
    # 1/64 and powers of two: nothing is rounded, and inputs lie on the edges of the stairs, too.
    current = torch.tensor(numerators) / 64
    with torch.no_grad():
        activation = neuron(threshold, levels).train()(current)
    assert torch.equal(mean_output(current, threshold, levels), activation)


@settings(deadline=None)
@given(numerator=st.integers(-100, 500), threshold=st.sampled_from([0.5, 1.0, 2.0]), steps=st.integers(1, 40))
def test_the_number_of_spikes_is_the_staircase_of_any_number_of_steps(
    numerator: int, threshold: float, steps: int
) -> None:
    current = torch.tensor([numerator / 64])
    exact = Fraction(numerator, 64) * steps / Fraction(threshold) + Fraction(1, 2)
    count = mean_output(current, threshold, steps).item() * steps / threshold
    assert count == pytest.approx(min(max(exact // 1, 0), steps))


@pytest.mark.parametrize("levels", [1, 3, 4, 8])
@pytest.mark.parametrize("time_steps", [1, 2, 5, 8, 11])
def test_with_other_numbers_of_steps_the_mean_error_is_zero(levels: int, time_steps: int) -> None:
    # Uniform between 0 and the threshold, and never on an edge: an even number of points to a stair of either kind.
    points = 2 * levels * time_steps
    current = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    activation = clip_floor_shift(current, torch.tensor(1.0, dtype=torch.float64), levels)
    error = mean_output(current, 1.0, time_steps) - activation
    assert error.mean().abs() < 1e-12
    assert (error.abs().max() < 1e-12) == (levels == time_steps)


def test_input_that_is_not_constant_may_lose_spikes() -> None:
    # Its mean of 0.5 is two spikes in four steps. V: -0.5, -1.5, 0.5, and 2.5 at last: one spike.
    current = torch.tensor([-1.0, -1.0, 2.0, 2.0]).unsqueeze(1)
    assert neuron(1.0).eval()(current).flatten().tolist() == [0, 0, 0, 1]
    assert neuron(1.0).train()(current.mean(0)).tolist() == [0.5]


@pytest.mark.parametrize("threshold", [0.25, 1.0, 4.0])
def test_spikes_are_those_of_spikingjelly(threshold: float) -> None:
    peer = pytest.importorskip("spikingjelly.activation_based.neuron", reason="needs SpikingJelly, which is not here")
    draw = torch.Generator().manual_seed(0)
    current = threshold * torch.randint(-32, 64, (63, 5, 7), generator=draw) / 32
    node = peer.IFNode(v_threshold=threshold, v_reset=None, step_mode="m")
    node.v = torch.full_like(current[0], threshold / 2)
    expected = threshold * node(current).detach()
    assert 0.1 < expected.mean() / threshold < 0.9
    layer = neuron(threshold).eval()
    output = layer(current)
    assert torch.equal(output, expected)
    assert torch.equal(layer.spikes(output), expected > 0)


def by_hand(model: QCFSModel, images: Tensor, hidden: list[Any]) -> Tensor:
    """Run 8C3p1-P2-16C3p1-P2-64 of a model with one function of the current for each hidden layer."""
    first, second, dense, output = (weight for weight in model.parameters() if weight.dim())
    features = F.avg_pool2d(hidden[0](F.conv2d(images, first, padding=1)), 2)
    features = F.avg_pool2d(hidden[1](F.conv2d(features, second, padding=1)), 2)
    return hidden[2](features.flatten(1) @ dense.T) @ output.T  # type: ignore[no-any-return]


def thresholds(model: nn.Module) -> list[Tensor]:
    return [module.threshold.detach() for module in model.modules() if isinstance(module, QCFSNeuron)]


@torch.no_grad()
def test_the_network_that_is_trained_is_the_one_that_torch_would_build() -> None:
    model = trained().double().train()
    images = DIGITS.train.batch(torch.arange(40))[0].double()
    stairs = [lambda z, top=top: top / 4 * (z * 4 / top + 0.5).floor().clamp(0, 4) for top in thresholds(model)]
    expected = by_hand(model, images, stairs)
    torch.testing.assert_close(model.unconverted(images)[0], expected)
    assert model.training
    assert not torch.equal(model(images)[0], expected), "dropout is on in training"


@torch.no_grad()
def test_the_network_that_is_evaluated_is_spikingjellys() -> None:
    peer = pytest.importorskip("spikingjelly.activation_based.neuron", reason="needs SpikingJelly, which is not here")
    model = trained().double().eval()
    images = DIGITS.train.batch(torch.arange(40))[0].double()
    nodes = []
    for top in thresholds(model):
        node = peer.IFNode(v_threshold=float(top), v_reset=None)
        node.v = float(top) / 2
        nodes.append(lambda z, node=node, top=top: node(z) * top)
    expected = torch.stack([by_hand(model, images, nodes) for _ in range(model.time_steps)])
    torch.testing.assert_close(model(images), expected)


@torch.no_grad()
def test_the_spiking_network_is_as_good_as_the_one_that_was_trained() -> None:
    model = trained().eval()
    assert isinstance(DIGITS.test, ImageSplit)
    images, labels = DIGITS.test.batch(torch.arange(len(DIGITS.test)))
    ann = (model.unconverted(images)[0].argmax(1) == labels).float().mean().item()
    assert ann > 0.85
    for time_steps, loss in ((2, 0.05), (8, 0.02), (64, 0.02)):
        model.time_steps = time_steps
        assert accuracy_at_steps(model, DIGITS.test, CPU, time_steps=time_steps)[-1] > ann - loss


def test_training_knows_nothing_of_the_number_of_steps() -> None:
    one, other = (training_on_digits(epochs=1, time_steps=steps).model.state_dict() for steps in (1, 8))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_every_layer_learns_a_threshold_of_its_own() -> None:
    learnt = {round(top.item(), 3) for top in thresholds(trained())}
    assert len(learnt) == 3
    assert QCFSParameters().initial_threshold not in learnt


def test_weight_decay_draws_thresholds_to_their_first_value() -> None:
    config = validate_run(
        {
            "dataset": "digits",
            "method": "qcfs",
            "architecture": "9",
            "epochs": 1,
            "optimizer": {"learning_rate": 0.1, "weight_decay": 1.0},
        }
    )
    model = get_method("qcfs").build(config.network_spec(), QCFSParameters(initial_threshold=3.0))
    optimizer = make_optimizer(model, config.optimizer)
    layer = next(module for module in model.modules() if isinstance(module, QCFSNeuron))
    with torch.no_grad():
        layer.log_growth.fill_(-5.0)
    for _ in range(100):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    assert layer.threshold.item() == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize("parameters", [{"levels": 0}, {"initial_threshold": 0.0}, {"initial_conv_scale": 0.0}])
def test_parameters_without_meaning_are_refused_before_a_run(parameters: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="expected"):
        QCFSParameters(**parameters)
