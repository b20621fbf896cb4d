"""The contract of a method, for every method and preset that is found."""

import dataclasses
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from baselines.method import Method, Model, NetworkSpec, available_methods, get_method, is_spiking, method_title
from benchmarks.config.run import validate_run
from tssl_core import ParameterError, parse_architecture
from tssl_core.architecture import Conv, Dense, InitialWeights
from tssl_core.layers import SpikingLayer, synapse
from tssl_core.normalisation import TimeBatchNorm

METHODS = available_methods()
NAMES = [
    name for base, method in METHODS.items() for name in (base, *(f"{base}:{preset}" for preset in method.presets))
]
INITIAL_WEIGHTS = get_args(InitialWeights)
DENSE = ((Dense(features=20), (6, 3, 3)), (Dense(features=10), (20, 1, 1)))
"""Fully connected layers of the network 6C3-P2-20 on digits."""

ARCHITECTURES = ("20", "6C3-P2-20", "4C3p1d0.2-P2-8")


def build(name: str, architecture: str, time_steps: int = 5, **settings: Any) -> tuple[Method, Model]:
    run = {"dataset": "digits", "method": name, "architecture": architecture, "time_steps": time_steps, "epochs": 1}
    config = validate_run({**run, **settings})
    torch.manual_seed(3)
    method = get_method(name)
    return method, method.build(config.network_spec(), config.method_parameters())


def test_the_methods_of_the_suite_are_found() -> None:
    assert {"tssl_bp", "slayer", "ann", "converted"} <= set(available_methods())


@pytest.mark.parametrize("name", NAMES)
def test_a_method_is_called_like_its_file_and_has_a_frozen_dataclass_of_parameters(name: str) -> None:
    method = get_method(name)
    assert type(method).__module__ == f"baselines.{method.name}"
    assert dataclasses.is_dataclass(method.Parameters)
    assert method.Parameters.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert method_title(name).startswith(method.title)


def weights_reached(model: Model, images: torch.Tensor) -> list[bool]:
    """Run six images back through a model, and tell of each weight tensor whether its gradient is not zero."""
    model.zero_grad()
    loss = model.loss(model(images), torch.tensor([0, 1, 2, 3, 4, 5]))
    assert loss.dim() == 0
    assert loss.isfinite()
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    return [bool(gradient.any()) for gradient in gradients if gradient is not None]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", NAMES)
def test_a_model_maps_images_to_scores_and_its_loss_reaches_every_weight(name: str, architecture: str) -> None:
    # Defaults are made for 5 steps; a preset may be made for windows in which 5 are nothing.
    time_steps = 20 if ":" in name else 5
    _, model = build(name, architecture, time_steps)
    images = 3 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    output = model(images)
    assert output.shape[1:] == (6, 10)
    assert model.scores(output).shape == (6, 10)
    reached = weights_reached(model, images)
    if ":" in name and not all(reached):
        # A preset's gradient may go through spikes alone, and needs some in every layer: positive weights make them.
        for parameter in model.parameters():
            parameter.data.abs_()
        reached = weights_reached(model, images)
    assert all(reached)
    model.after_step()


@pytest.mark.parametrize("name", [name for name in NAMES if is_spiking(name)])
def test_the_backend_that_is_asked_for_reaches_every_neuron(name: str) -> None:
    config = validate_run({"dataset": "digits", "method": name, "architecture": "20", "time_steps": 2, "epochs": 1})
    model = get_method(name).build(config.network_spec(), config.method_parameters(), backend="reference")
    neurons = [module for module in model.modules() if isinstance(module, SpikingLayer)]
    assert neurons
    assert {neuron.backend for neuron in neurons} == {"reference"}


@torch.no_grad()
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", NAMES)
def test_an_evaluated_model_decides_after_each_step_by_what_it_has_seen_so_far(name: str, architecture: str) -> None:
    method, model = build(name, architecture)
    images = 3 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    model.calibrate(images[[i]] for i in range(4))
    assert model.training, "calibration must leave the mode alone"
    output = model.eval()(images)
    steps = 5 if method.spiking else 1
    assert output.shape == (steps, 6, 10)
    running = model.running_scores(output)
    assert running.shape == (steps, 6, 10)
    assert torch.equal(running[-1], model.scores(output))
    for step in range(1, steps):
        _, shorter = build(name, architecture, step)
        shorter.calibrate([images[:4]])
        torch.testing.assert_close(shorter.eval()(images), output[:step])
        torch.testing.assert_close(shorter.scores(output[:step]), running[step - 1])


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_a_sum_over_the_batch(name: str) -> None:
    _, model = build(name, "20")
    images, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])
    whole = model.loss(model(images), labels)
    parts = sum(model.loss(model(images[i : i + 1]), labels[i : i + 1]) for i in range(4))
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("initial_weights", INITIAL_WEIGHTS)
@pytest.mark.parametrize("name", NAMES)
def test_methods_share_their_first_weights(name: str, initial_weights: InitialWeights) -> None:
    _, model = build(name, "6C3w2-P2-20", initial_weights=initial_weights)
    torch.manual_seed(3)
    expected = [
        weight
        for spec, shape in ((Conv(channels=6, kernel=3, weight_scale=2), (1, 8, 8)), *DENSE)
        for weight in synapse(spec, shape, initial_weights=initial_weights).parameters()
    ]
    # A scalar is no weight but a threshold that is trained.
    weights = [parameter for parameter in model.parameters() if parameter.dim()]
    for mine, theirs in zip(weights, expected, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_normalises_hidden_layers_to_the_threshold_where_it_is_asked_to(name: str) -> None:
    time_steps = 20 if ":" in name else 5
    _, plain = build(name, "6C3-P2-20", time_steps)
    _, model = build(name, "6C3-P2-20", time_steps, batch_norm=True)
    norms = [module for module in model.modules() if isinstance(module, TimeBatchNorm)]
    assert [len(norm.weight) for norm in norms] == [6, 20]
    assert not any(isinstance(module, TimeBatchNorm) for module in plain.modules())
    parameters = dataclasses.asdict(get_method(name).Parameters())
    if name in ("tssl_bp", "slayer", "eventprop", "stbp", "bptt", "tet"):
        neuron = parameters.get("lif") or parameters.get("neuron") or parameters
        assert {norm.scale for norm in norms} == {neuron["threshold"]}
    # The weights are those of the network without, and the loss reaches them and the normalisation.
    first = dict(plain.named_parameters())
    own = dict(model.named_parameters())
    assert all(torch.equal(weight, own[key]) for key, weight in first.items())
    images = 3 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert all(weights_reached(model, images))
    model.calibrate([images])
    model.eval()
    assert torch.equal(model(images), model(images))


def test_the_relu_network_is_the_one_that_torch_would_build() -> None:
    _, model = build("ann", "6C3-P2-20")
    conv, hidden, output = model.parameters()
    images = torch.rand(3, 1, 8, 8)
    features = torch.nn.functional.avg_pool2d(torch.relu(torch.nn.functional.conv2d(images, conv)), 2)
    expected = torch.relu(features.flatten(1) @ hidden.T) @ output.T
    torch.testing.assert_close(model(images)[0], expected)


@pytest.mark.parametrize("name", ["ann", "converted"])
def test_the_first_weights_of_convolutions_alone_can_be_scaled(name: str) -> None:
    def weights(**parameters: float) -> list[Tensor]:
        spec = NetworkSpec(
            architecture=parse_architecture("6C3w5-P2-20"), input_shape=(1, 8, 8), classes=10, time_steps=1
        )
        torch.manual_seed(0)
        method = get_method(name)
        return list(method.build(spec, method.Parameters(**parameters)).parameters())

    (conv, *dense), (scaled, *same) = weights(), weights(initial_conv_scale=0.5)
    assert torch.equal(0.5 * conv, scaled)
    assert all(map(torch.equal, dense, same))
    with pytest.raises(ParameterError, match="initial_conv_scale is 0; expected a positive number"):
        weights(initial_conv_scale=0)


@pytest.mark.parametrize(("initial_weights", "scale"), [("pytorch_default", 6**0.5 / 5), ("kaiming_normal", 1 / 5)])
def test_the_relu_network_has_the_weights_of_he_where_the_scale_undoes_the_architecture(
    initial_weights: str, scale: float
) -> None:
    _, model = build(
        "ann", "256C3w5-16C3w5-10", initial_weights=initial_weights, parameters={"initial_conv_scale": scale}
    )
    conv = list(model.parameters())[1]
    assert conv.std().item() == pytest.approx((2 / conv[0].numel()) ** 0.5, rel=0.02)


@pytest.mark.parametrize("name", ["ann", "converted"])
def test_the_relu_network_says_that_it_takes_no_spike_trains(name: str) -> None:
    spec = NetworkSpec(
        architecture=parse_architecture("20"), input_shape=(2, 34, 34), classes=10, time_steps=30, events=True
    )
    method = get_method(name)
    reason = method.supports(spec, method.Parameters())
    assert reason is not None
    assert "spike trains" in reason


def test_tssl_bp_clamps_its_weights_after_a_step() -> None:
    _, model = build("tssl_bp", "20")
    weight = next(model.parameters())
    weight.data.fill_(7)
    model.after_step()
    assert weight.unique().tolist() == [4]


def test_unknown_methods_and_presets_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(ParameterError, match=r"unknown method 'sgd'; expected one of ann, .*tssl_bp"):
        get_method("sgd")
    with pytest.raises(ParameterError, match=r"unknown preset 'tssl_bp:best'; .*tssl_bp:single-filter"):
        get_method("tssl_bp:best")


def test_a_method_that_is_not_here_stands_under_its_own_name() -> None:
    assert method_title("hm2_bp:old") == "hm2_bp, old"
    assert is_spiking("hm2_bp")
    assert not is_spiking("ann")
