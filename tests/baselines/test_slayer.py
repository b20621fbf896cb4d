"""SLAYER as a method: its loss, its scales, its pooling, and what it says of windows that are too short."""

import pytest
import torch
from torch import nn

from baselines.method import NetworkSpec, get_method
from baselines.neurons.spike_response import SpikeResponseNeuron, SRMParams
from baselines.slayer import SLAYERModel, SLAYERParameters
from benchmarks.config.run import validate_run
from benchmarks.study.study import cell_of
from tssl_core import ParameterError, parse_architecture

SLAYER = get_method("slayer")
PUBLISHED = SRMParams(delay=True)


def spec(architecture: str, time_steps: int = 6) -> NetworkSpec:
    return NetworkSpec(
        architecture=parse_architecture(architecture), input_shape=(2, 12, 12), classes=3, time_steps=time_steps
    )


def build(architecture: str, parameters: SLAYERParameters | None = None, time_steps: int = 6) -> SLAYERModel:
    torch.manual_seed(0)
    return SLAYERModel(spec(architecture, time_steps), parameters or SLAYERParameters(), "reference").double()


def test_the_loss_is_half_the_squared_error_of_the_rate_in_each_step() -> None:
    model = build("20", SLAYERParameters(true_rate=0.75, false_rate=0.25), time_steps=4)
    # Counts 2, 1, 0 of 4 steps; class 0 is true and wants 3, the others 1: e = -1/4, 0, -1/4.
    output = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]], requires_grad=True)
    batch = output.unsqueeze(1)
    loss = model.loss(batch, torch.tensor([0]))
    assert loss.item() == 4 / 2 * (1 / 16 + 1 / 16)
    loss.backward()
    assert output.grad is not None
    assert output.grad.tolist() == [[-0.25, 0, -0.25]] * 4


def test_an_image_held_constant_gives_what_the_same_image_repeated_gives() -> None:
    model = build("P2-6C3p1-P2-20", SLAYERParameters(conv_scale=10, dense_scale=10))
    images = torch.rand(4, 2, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    once, repeated = model(images), model(images.expand(6, 4, 2, 12, 12))
    assert 0 < once.mean() < 1
    assert torch.equal(once, repeated)


def test_layers_exchange_spikes() -> None:
    model = build("6C3p1-P2-20", SLAYERParameters(conv_scale=4, dense_scale=2))
    seen = []
    for layer in model.modules():
        if isinstance(layer, SpikeResponseNeuron):
            layer.register_forward_hook(lambda _m, _i, output: seen.append(output.unique().tolist()))
    model(torch.rand(4, 2, 12, 12, dtype=torch.float64))
    assert seen == [[0, 1]] * 3


def test_scales_multiply_what_the_weights_do_and_not_the_weights() -> None:
    plain, scaled = (build("6C3-20", SLAYERParameters(conv_scale=c, dense_scale=d)) for c, d in ((1, 1), (3, 2)))
    for mine, other in zip(plain.parameters(), scaled.parameters(), strict=True):
        assert torch.equal(mine, other)
    used = [
        [layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        for model in (plain, scaled)
    ]
    for mine, other, factor in zip(*used, (3, 2, 2), strict=True):
        torch.testing.assert_close(other, factor * mine)


def test_pooling_has_neurons_where_that_is_asked_for() -> None:
    parameters = SLAYERParameters(neuron=SRMParams(threshold=4.0, tau_s=1.0, delay=False), spiking_pool=True)
    pooling = build("P2", parameters).network
    spikes = torch.zeros(3, 1, 2, 12, 12, dtype=torch.float64)
    spikes[1, 0, 0, 0, 1] = 1  # a single spike: 1.1 thresholds at its peak, in the same step for tau_s = 1
    *_, neurons = (layer for name, layer in pooling.rest.named_children() if name == "layer1_neuron")
    pooled = neurons(pooling.before_first_neuron(spikes))
    assert pooled.nonzero().tolist() == [[1, 0, 0, 0, 0]]
    plain = build("P2", SLAYERParameters(neuron=parameters.neuron)).network
    assert plain.before_first_neuron[0](spikes)[1, 0, 0, 0, 0].item() == pytest.approx(1.1)
    assert not any(name == "layer1_neuron" for name, _ in plain.rest.named_children())


def test_a_window_in_which_no_spike_reaches_the_output_is_not_supported() -> None:
    delayed = SLAYERParameters(neuron=PUBLISHED, conv_scale=1e3, dense_scale=1e3)
    pooled = SLAYERParameters(neuron=PUBLISHED, conv_scale=1e3, dense_scale=1e3, spiking_pool=True)
    images = torch.rand(5, 2, 12, 12, dtype=torch.float64)
    for parameters, depth in ((delayed, 3), (pooled, 4)):
        reason = SLAYER.supports(spec("6C3-P2-20", depth), parameters)
        assert reason is not None
        assert f"T = {depth} is too short for {depth} layers" in reason
        assert f"at least {depth + 1} time steps" in reason
        assert SLAYER.supports(spec("6C3-P2-20", depth + 1), parameters) is None
        assert build("6C3-P2-20", parameters, depth)(images).sum() == 0
        assert build("6C3-P2-20", parameters, depth + 1)(images).sum() > 0
    assert SLAYER.supports(spec("6C3-P2-20", 1), SLAYERParameters()) is None
    assert build("6C3-P2-20", SLAYERParameters(conv_scale=1e3, dense_scale=1e3), 1)(images).sum() > 0


def test_a_study_asks_with_the_parameters_of_its_preset() -> None:
    values = {"dataset": "digits", "architecture": "20-20", "time_steps": 3, "epochs": 1}
    assert cell_of(validate_run({**values, "method": "slayer"})).skip_reason is None
    reason = cell_of(validate_run({**values, "method": "slayer:nmnist"})).skip_reason
    assert reason is not None
    assert "T = 3 is too short for 3 layers" in reason


def test_parameters_without_meaning_are_refused() -> None:
    with pytest.raises(ParameterError, match="conv_scale is 0; expected a positive number"):
        SLAYERParameters(conv_scale=0)
    with pytest.raises(ParameterError, match=r"true_rate is 0\.1 and false_rate 0\.2; .*false_rate < true_rate"):
        SLAYERParameters(true_rate=0.1, false_rate=0.2)
