"""STBP and surrogate BPTT as methods: encoding, losses, presets, events, and a network against its definition."""

import pytest
import torch
from torch.nn import functional as F

from baselines.bptt import BPTTParameters
from baselines.method import Model, NetworkSpec, get_method
from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIF, IterativeLIFParams
from baselines.rate_coding import rate_cross_entropy, rate_mean_squared_error
from baselines.stbp import STBPParameters
from benchmarks.config.run import validate_run
from tssl_core import ParameterError, parse_architecture
from tssl_core.normalisation import TimeBatchNorm

NAMES = ["stbp", "stbp:classic", "bptt"]
SPIKES = torch.tensor([[[1.0, 0, 1], [0, 0, 0]], [[1.0, 0, 0], [0, 0, 0]]])


def build(name: str, architecture: str = "6C3-P2-20", *, batch_norm: bool = False, **parameters: object) -> Model:
    config = validate_run(
        {"dataset": "digits", "method": name, "architecture": architecture, "epochs": 1, "parameters": parameters}
    )
    spec = NetworkSpec(
        architecture=parse_architecture(architecture),
        input_shape=(2, 8, 8),
        classes=10,
        time_steps=5,
        batch_norm=batch_norm,
    )
    torch.manual_seed(3)
    return get_method(name).build(spec, config.method_parameters())


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_the_same_as_that_image_in_every_step(name: str) -> None:
    model = build(name)
    images = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    held = images.expand(5, *images.shape)
    output = model(images)
    assert set(output.unique().tolist()) <= {0, 1}
    assert torch.equal(output, model(held))


@pytest.mark.parametrize("name", NAMES)
def test_a_spike_train_keeps_its_length_and_reaches_every_weight(name: str) -> None:
    # Sparse input and the first weights of a convolution leave quick neurons silent: three times as much.
    model = build(name, "6C3w3-P2-20")
    events = (torch.rand(12, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    output = model(events)
    assert output.shape == (12, 4, 10)
    model.loss(output, torch.tensor([0, 1, 2, 3])).backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_the_network_is_the_one_that_its_definition_gives() -> None:
    model = build("stbp")
    conv, hidden, output = model.parameters()
    params = IterativeLIFParams()
    images = 2 * torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    first = ITERATIVE_LIF(torch.stack([F.conv2d(images, conv)] * 5), params)
    pooled = torch.stack([F.avg_pool2d(step, 2).flatten(1) for step in first])
    expected = ITERATIVE_LIF(ITERATIVE_LIF(pooled @ hidden.T, params) @ output.T, params)
    assert expected.sum() > 0
    assert torch.equal(model(images), expected)
    assert torch.equal(model.scores(expected), expected.sum(0))


def test_the_classic_preset_is_the_public_code_for_mnist() -> None:
    layers = [layer for layer in build("stbp:classic").modules() if isinstance(layer, IterativeLIF)]
    assert len(layers) == 3
    for layer in layers:
        params = layer.params
        assert (params.threshold, params.decay, params.surrogate_width) == (0.5, 0.2, 0.5)
        assert (params.surrogate, params.normalised, params.reset) == ("rectangular", False, "zero")
        assert not params.detach_reset


def test_the_first_weights_can_be_scaled() -> None:
    for weight, scaled in zip(
        build("stbp").parameters(), build("stbp", initial_weight_scale=2.0).parameters(), strict=True
    ):
        assert torch.equal(2 * weight, scaled)
    norms = [
        module.weight
        for module in build("stbp", batch_norm=True, initial_weight_scale=2.0).modules()
        if isinstance(module, TimeBatchNorm)
    ]
    assert all(torch.equal(weight, torch.ones_like(weight)) for weight in norms), "which normalise them away"
    assert len(norms) == 2
    with pytest.raises(ParameterError, match=r"initial_weight_scale is 0\.0; expected a positive number"):
        STBPParameters(initial_weight_scale=0.0)


def test_losses_follow_sums_worked_out_by_hand() -> None:
    labels = torch.tensor([0, 1])
    # Rates [1, 0, 1/2] against [1, 0, 0], and [0, 0, 0] against [0, 1, 0].
    assert rate_mean_squared_error(SPIKES, labels).item() == pytest.approx(0.25 + 1)
    expected = torch.tensor([1.0, 0, 0.5]).exp().sum().log() - 1 + torch.tensor(3.0).log()
    assert rate_cross_entropy(SPIKES, labels).item() == pytest.approx(expected.item())


def test_the_loss_of_bptt_can_be_chosen() -> None:
    labels = torch.tensor([0, 1])
    assert build("bptt").loss(SPIKES, labels) == rate_mean_squared_error(SPIKES, labels)
    squared = build("bptt", loss="mean_squared_error").loss(SPIKES, labels)
    assert squared == rate_mean_squared_error(SPIKES, labels) == build("stbp").loss(SPIKES, labels)


def test_one_parameter_leaves_the_others_at_the_defaults_of_the_method() -> None:
    config = validate_run(
        {"dataset": "digits", "method": "bptt", "architecture": "20", "epochs": 1, "parameters": {"decay": 0.25}}
    )
    assert config.method_parameters() == BPTTParameters(decay=0.25)
    assert BPTTParameters().surrogate == "sigmoid"
    assert STBPParameters().surrogate == "rectangular"


@pytest.mark.parametrize("name", NAMES)
def test_neurons_run_on_the_backend_that_was_asked_for(name: str) -> None:
    spec = NetworkSpec(architecture=parse_architecture("20"), input_shape=(1, 8, 8), classes=10, time_steps=2)
    method = get_method(name)
    model = method.build(spec, method.Parameters(), backend="reference")
    assert {layer.backend for layer in model.modules() if isinstance(layer, IterativeLIF)} == {"reference"}
