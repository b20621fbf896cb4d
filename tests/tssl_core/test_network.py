"""Layers and networks: shapes, what is constant in time, and what the weights start from."""

from typing import get_args

import pytest
import torch
from torch import nn

from tssl_core import ArchitectureError, LIFParams, ParameterError, SpikingNetwork, TSSLParams, parse_architecture
from tssl_core.architecture import Conv, Dense, InitialWeights
from tssl_core.layers import (
    SumPool,
    TimeConstantDropout,
    TSSLNeuron,
    clamp_weights,
    layers_with_weights,
    synapse,
)
from tssl_core.maps import scale_over_time


def network(text: str, *, classes: int = 10, shape: tuple[int, int, int] = (1, 12, 12)) -> SpikingNetwork:
    torch.manual_seed(0)
    return SpikingNetwork(parse_architecture(text), shape, classes, backend="reference").double()


def test_an_image_held_constant_gives_what_the_same_image_repeated_gives() -> None:
    model = network("P2-6C3p1-P2-20")
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.data.mul_(4)  # enough current for spikes in every layer
    images = torch.rand(4, 1, 12, 12, dtype=torch.float64)
    once, repeated = model(images, 7), model(images.expand(7, 4, 1, 12, 12))
    assert once.abs().sum() > 0
    torch.testing.assert_close(once, repeated, rtol=1e-12, atol=1e-14)


def test_the_synapse_of_a_constant_image_is_computed_once() -> None:
    model = network("6C3-20")
    calls = []
    model.layers.before_first_neuron.register_forward_hook(lambda _m, _i, output: calls.append(output.shape))
    model(torch.rand(4, 1, 12, 12, dtype=torch.float64), 7)
    assert calls == [(1, 4, 6, 10, 10)]


@pytest.mark.parametrize("text", ["20", "6C3", "6C3d0.2-P2d0.1", "P3-5", "4C3-4C3p1-P2-9-8"])
def test_the_output_has_time_first_and_a_neuron_a_class(text: str) -> None:
    model = network(text, classes=3)
    assert model(torch.rand(4, 1, 12, 12, dtype=torch.float64), 2).shape == (2, 4, 3)


def test_every_spiking_layer_holds_the_given_neuron_parameters() -> None:
    lif = LIFParams(tau_m=8, tau_s=4)
    model = SpikingNetwork(parse_architecture("4C3-P2-20"), (1, 12, 12), 10, lif=lif)
    neurons = [layer for layer in model.modules() if isinstance(layer, TSSLNeuron)]
    assert len(neurons) == 3
    assert all(neuron.lif == lif for neuron in neurons)


def test_an_input_of_another_rank_or_without_time_steps_is_refused() -> None:
    model = network("20")
    with pytest.raises(ParameterError, match=r"input has shape \(1, 12, 12\)"):
        model(torch.rand(1, 12, 12), 5)
    with pytest.raises(ParameterError, match="time_steps is 0"):
        model(torch.rand(2, 1, 12, 12), 0)


def test_a_network_larger_than_its_input_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="leaves nothing"):
        network("6C13")


def test_sum_pooling_is_the_sum_times_its_gain() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert SumPool(2)(x).flatten().tolist() == pytest.approx([1.1 * total for total in (10, 18, 42, 50)])


def test_the_dropout_mask_is_constant_over_time_and_along_a_row() -> None:
    torch.manual_seed(1)
    dropped = TimeConstantDropout(0.4)(torch.ones(6, 50, 3, 4, 5))
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert torch.equal(dropped, dropped[..., :1].expand_as(dropped))
    assert dropped[0, :, :, :, 0].unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.4, abs=0.08)


def test_the_dropout_of_a_fully_connected_layer_draws_for_each_neuron() -> None:
    torch.manual_seed(1)
    dropped = TimeConstantDropout(0.5)(torch.ones(3, 20, 100))
    assert torch.equal(dropped[0], dropped[2])
    assert (dropped[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.08)


def test_dropout_does_nothing_in_evaluation() -> None:
    x = torch.rand(2, 3, 4)
    assert torch.equal(TimeConstantDropout(0.9).eval()(x), x)


def test_weights_start_as_in_the_authors_code() -> None:
    torch.manual_seed(0)
    conv = synapse(Conv(channels=64, kernel=5, weight_scale=2), (16, 9, 9))
    dense = synapse(Dense(features=400, weight_scale=0.5), (4, 10, 10))
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(dense, nn.Linear)
    assert [name for layer in (conv, dense) for name, _ in layer.named_parameters()] == ["weight", "weight"]
    bound = 2 / (16 * 25) ** 0.5
    assert 0.95 * bound < conv.weight.abs().max().item() <= bound
    assert dense.weight.std().item() == pytest.approx(0.5 * (2 / 400) ** 0.5, rel=0.02)


def test_kaiming_weights_of_a_convolution_are_drawn_after_those_of_pytorch_as_in_the_authors_code_of_2020() -> None:
    specs: tuple[Conv | Dense, ...] = (
        Conv(channels=8, kernel=5, weight_scale=5),
        Dense(features=40),
        Conv(channels=4, kernel=3),
    )
    torch.manual_seed(5)
    ours = [synapse(spec, (16, 9, 9), initial_weights="kaiming_normal") for spec in specs]
    torch.manual_seed(5)
    for spec, mine in zip(specs, ours, strict=True):
        if isinstance(spec, Conv):  # whose third axis is time there
            weight = nn.Conv3d(16, spec.channels, (spec.kernel, spec.kernel, 1), bias=False).weight
        else:
            weight = nn.Linear(16 * 9 * 9, spec.features, bias=False).weight
        nn.init.kaiming_normal_(weight)
        assert torch.equal(next(mine.parameters()).flatten(), spec.weight_scale * weight.flatten())


def test_kaiming_weights_of_convolutions_are_sqrt_6_times_as_wide_as_those_of_pytorch() -> None:
    torch.manual_seed(0)
    spec = Conv(channels=64, kernel=5)
    default, kaiming = (
        next(synapse(spec, (16, 9, 9), initial_weights=name).parameters()).std().item()
        for name in get_args(InitialWeights)
    )
    assert kaiming / default == pytest.approx(6**0.5, rel=0.02)


def test_weights_are_clamped_in_place() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[9.0, -9.0]])
    clamp_weights(layers_with_weights(nn.Sequential(layer, nn.ReLU())), 4)
    assert layer.weight.tolist() == [[4, -4]]


def test_spikes_are_read_off_the_output_of_a_neuron() -> None:
    neuron = TSSLNeuron(LIFParams(), TSSLParams())
    current = torch.tensor([[2.0, 0.0], [0.0, 0.5], [2.0, 0.7]])
    assert neuron.spikes(neuron(current)).tolist() == [[True, False], [False, False], [True, True]]


@pytest.mark.parametrize("shape", [(4, 6), (5, 7)], ids=["whole windows", "an incomplete border"])
def test_the_gradient_of_sum_pooling_is_that_of_the_sum(shape: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SumPool(2), (x,))


@pytest.mark.parametrize("shape", [(1, 3, 7), (1, 3, 4, 5, 6)], ids=["features", "feature maps"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_scaling_over_time_is_the_product_with_each_gain_in_the_same_memory_order(
    shape: tuple[int, ...], channels_last: bool
) -> None:
    once = torch.rand(shape, dtype=torch.float64)
    if channels_last and len(shape) == 5:
        once = once[0].contiguous(memory_format=torch.channels_last)[None]
    gain = torch.tensor([0.2, 0.5, 0.9, 1.0], dtype=torch.float64)
    scaled = scale_over_time(once, gain)
    assert torch.equal(scaled, torch.stack([factor * once[0] for factor in gain]))
    assert scaled[0].stride() == once[0].stride()
    assert torch.autograd.gradcheck(lambda x: scale_over_time(x, gain), (once.requires_grad_(),))


def test_feature_maps_stay_channels_last_from_layer_to_layer_until_they_are_flattened() -> None:
    model = SpikingNetwork(parse_architecture("4C3-P2-6C3-8"), (1, 12, 12), 10)
    strides = []
    for layer in model.modules():
        if isinstance(layer, TSSLNeuron):
            layer.register_forward_hook(
                lambda _m, inputs, output: strides.extend([inputs[0].stride(2), output.stride(2)])
            )
    model(torch.rand(2, 1, 12, 12), 3)
    assert strides == [1, 1, 1, 3 * 3, *[1] * 4]
