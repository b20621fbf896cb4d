"""TET: the loss against a loop over steps, SpikingJelly and finite differences; the output layer against hand."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.method import get_method
from baselines.neurons.iterative_lif import forward
from baselines.tet import TETModel, TETParameters, temporal_efficient_loss
from benchmarks.config.run import validate_run
from tssl_core import ParameterError


def outputs(steps: int = 5, batch: int = 3, classes: int = 7) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(steps)
    output = 2 * torch.randn(steps, batch, classes, dtype=torch.float64, generator=draw)
    return output, torch.randint(classes, (batch,), generator=draw)


def model_of(architecture: str, time_steps: int, **parameters: Any) -> TETModel:
    run = {"dataset": "digits", "method": "tet", "architecture": architecture, "time_steps": time_steps, "epochs": 1}
    config = validate_run({**run, "parameters": parameters})
    torch.manual_seed(0)
    model = get_method("tet").build(config.network_spec(), config.method_parameters())
    assert isinstance(model, TETModel)
    return model


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize(("weight", "target"), [(0.0, 1.0), (0.001, 1.0), (0.05, 0.5), (1.0, -2.0)])
def test_the_loss_is_that_of_a_loop_over_steps_samples_and_classes(steps: int, weight: float, target: float) -> None:
    output, labels = outputs(steps)
    expected = torch.zeros((), dtype=torch.float64)
    for now in output:
        for logits, label in zip(now, labels, strict=True):
            cross_entropy = logits.exp().sum().log() - logits[label]
            distance = sum((logit - target) ** 2 for logit in logits) / len(logits)
            expected += ((1 - weight) * cross_entropy + weight * distance) / steps
    torch.testing.assert_close(temporal_efficient_loss(output, labels, weight=weight, target=target), expected)


def test_the_gradient_is_that_of_finite_differences_and_of_the_softmax() -> None:
    output, labels = outputs()
    output.requires_grad_()

    def loss(values: Tensor) -> Tensor:
        return temporal_efficient_loss(values, labels, weight=0.05, target=1.0)

    assert torch.autograd.gradcheck(loss, output)
    (gradient,) = torch.autograd.grad(loss(output), output)
    values = output.detach()
    of_cross_entropy = values.softmax(-1) - F.one_hot(labels, 7)
    torch.testing.assert_close(gradient, (0.95 * of_cross_entropy + 0.05 * 2 / 7 * (values - 1)) / 5)


def test_the_loss_is_that_of_spikingjelly() -> None:
    peer = pytest.importorskip("spikingjelly.activation_based.functional", reason="needs SpikingJelly")
    output, labels = outputs()
    expected = 3 * peer.temporal_efficient_training_cross_entropy(output, labels)
    torch.testing.assert_close(temporal_efficient_loss(output, labels, weight=0.0, target=1.0), expected)


def test_asking_every_step_is_asking_for_more_than_the_mean_of_the_steps() -> None:
    output, labels = outputs()
    of_mean = F.cross_entropy(output.mean(0), labels, reduction="sum")
    assert temporal_efficient_loss(output, labels, weight=0.0, target=1.0) > of_mean
    constant = output[:1].expand(5, -1, -1)
    same = F.cross_entropy(constant.mean(0), labels, reduction="sum")
    torch.testing.assert_close(temporal_efficient_loss(constant, labels, weight=0.0, target=1.0), same)


def test_the_output_is_the_weighted_spikes_of_the_same_step() -> None:
    model = model_of("20", 6).double()
    images = torch.rand(4, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    hidden, readout = model.parameters()
    spikes = forward((images.flatten(1) @ hidden.T).expand(6, -1, -1), TETParameters())
    assert 0.05 < spikes.mean() < 0.95
    output = model(images)
    torch.testing.assert_close(output, spikes @ readout.T)
    torch.testing.assert_close(model.scores(output) / 6, (spikes @ readout.T).mean(0))


def test_the_parameters_reach_the_loss() -> None:
    output, labels = outputs(classes=10)
    losses = [
        float(model_of("9", 5, regulariser_weight=weight, regulariser_target=target).loss(output, labels))
        for weight, target in ((0.0, 1.0), (0.5, 1.0), (0.5, 2.0))
    ]
    for loss, (weight, target) in zip(losses, ((0.0, 1.0), (0.5, 1.0), (0.5, 2.0)), strict=True):
        assert loss == float(temporal_efficient_loss(output, labels, weight=weight, target=target))
    assert len(set(losses)) == 3


@pytest.mark.parametrize("parameters", [{"regulariser_weight": -0.1}, {"regulariser_weight": 1.1}, {"threshold": 0.0}])
def test_parameters_without_meaning_are_refused_before_a_run(parameters: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="expected"):
        TETParameters(**parameters)
