"""Normalisation over time and batch against hand and PyTorch, and its place in a network."""

import pytest
import torch
from torch import Tensor, nn

from tssl_core import Network, SpikingNetwork, parse_architecture
from tssl_core.layers import SumPool
from tssl_core.normalisation import EPSILON, TimeBatchNorm


def test_values_worked_by_hand() -> None:
    layer = TimeBatchNorm(2, scale=0.5).double()
    # Two steps of two samples; channel 0 has mean 2 and variance 1, channel 1 mean 0 and variance 4.
    current = torch.tensor([[[1.0, 2.0], [3.0, -2.0]], [[1.0, -2.0], [3.0, 2.0]]], dtype=torch.float64)
    small = EPSILON / 2
    expected = 0.5 * torch.tensor([[[-1.0, 1.0], [1.0, -1.0]], [[-1.0, -1.0], [1.0, 1.0]]]).double()
    torch.testing.assert_close(layer(current), expected, rtol=small, atol=small)
    # Running means: a tenth of the way from 0, and from 1 to the variance of 4 values with 3 degrees of freedom.
    assert layer.running_mean.tolist() == pytest.approx([0.2, 0.0])
    assert layer.running_variance.tolist() == pytest.approx([0.9 + 0.1 * 4 / 3, 0.9 + 0.1 * 16 / 3])
    layer.eval()
    first = 0.5 * (1.0 - 0.2) / (0.9 + 0.4 / 3 + EPSILON) ** 0.5
    assert layer(current)[0, 0, 0].item() == pytest.approx(first)


@pytest.mark.parametrize("shape", [(7, 3, 5), (3, 4, 5, 6, 2)])
def test_it_is_batch_normalisation_of_flattened_time_with_the_threshold_as_first_weight(shape: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    mine = TimeBatchNorm(5, scale=0.7).double()
    peer = (nn.BatchNorm1d(5) if len(shape) == 3 else nn.BatchNorm2d(5)).double()
    nn.init.uniform_(mine.weight, 0.5, 2, generator=draw)
    nn.init.normal_(mine.bias, generator=draw)
    with torch.no_grad():
        peer.weight.copy_(0.7 * mine.weight)
        peer.bias.copy_(mine.bias)
    for _ in range(3):
        current = (3 * torch.randn(shape, dtype=torch.float64, generator=draw) + 1).requires_grad_()
        upstream = torch.randn(shape, dtype=torch.float64, generator=draw)
        found, expected = mine(current), peer(current.flatten(0, 1)).reshape(shape)
        torch.testing.assert_close(found, expected)
        leaves = [(current, mine.weight, mine.bias), (current, peer.weight, peer.bias)]
        ours, theirs = (
            torch.autograd.grad(output, of, upstream) for output, of in zip((found, expected), leaves, strict=True)
        )
        torch.testing.assert_close(ours, (theirs[0], 0.7 * theirs[1], theirs[2]))
    torch.testing.assert_close(mine.running_mean, peer.running_mean)
    torch.testing.assert_close(mine.running_variance, peer.running_var)
    torch.testing.assert_close(mine.eval()(current), peer.eval()(current.flatten(0, 1)).reshape(shape))


def network(text: str, norm_scale: float | None) -> Network:
    torch.manual_seed(0)
    return Network(
        parse_architecture(text),
        (1, 8, 8),
        10,
        neuron=nn.Tanh,
        output_neuron=nn.Identity,
        pool=SumPool,
        norm_scale=norm_scale,
    ).double()


def test_it_stands_between_the_weights_and_the_neurons_of_every_hidden_layer() -> None:
    names = [name for name, _ in network("P2-4C3-P2-9", 0.5).rest.named_children()]
    hidden = ["layer2_norm", "layer2_neuron", "layer3_pool", "layer4_synapse", "layer4_norm", "layer4_neuron"]
    assert names == [*hidden, "output_synapse", "output_neuron"]
    assert not [module for module in network("P2-4C3-9", None).modules() if isinstance(module, TimeBatchNorm)]


def test_a_constant_image_with_a_gain_is_normalised_over_all_of_its_time_steps() -> None:
    model = network("4C3-9", 1.0)
    seen: list[Tensor] = []
    model.rest.layer1_norm.register_forward_hook(lambda *arguments: seen.append(arguments[2]))  # type: ignore[union-attr]
    images, gain = torch.rand(6, 1, 8, 8).double(), torch.tensor([0.2, 0.5, 1.0]).double()
    output = model(images, gain)
    (normalised,) = seen
    assert normalised.shape == (3, 6, 4, 6, 6)
    assert normalised.mean((0, 1, 3, 4)).abs().max() < 1e-5
    assert (normalised.var((0, 1, 3, 4), correction=0) - 1).abs().max() < 5e-3  # epsilon beside the variance
    repeated = network("4C3-9", 1.0)(gain.view(3, 1, 1, 1, 1) * images)
    torch.testing.assert_close(output, repeated)


def test_its_statistics_belong_to_the_state_and_evaluation_does_not_change_them() -> None:
    model = SpikingNetwork(parse_architecture("20"), (1, 8, 8), 10, batch_norm=True)
    images = torch.rand(16, 1, 8, 8)
    model(images, 4)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert {name.rpartition(".")[2] for name in state if "norm" in name} == {
        "weight",
        "bias",
        "running_mean",
        "running_variance",
    }
    model.eval()
    assert torch.equal(model(images, 4), model(images, 4))
    assert torch.equal(model(images[:1], 4)[:, 0], model(images, 4)[:, 0])
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
