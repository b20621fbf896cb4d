"""Synaptic operations and energy, against counts by hand, one synapse at a time, and by NeuroBench."""

import itertools
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.method import Model, NetworkSpec, get_method
from baselines.stbp import STBPModel, STBPParameters
from benchmarks.metrics.counting.energy import energy_nj
from benchmarks.metrics.counting.operations import OperationMeter, Operations
from benchmarks.metrics.counting.spikes import ActivityMeter
from benchmarks.metrics.counting.synapses import fan_out
from tssl_core import Network, parse_architecture
from tssl_core.layers import SpikingLayer, SumPool

TIME_STEPS = 4


def build(
    method: str, architecture: str, size: int = 5, *, events: bool = False, batch_norm: bool = False, **parameters: Any
) -> Model:
    """A model with lively weights, a third of them 0."""
    torch.manual_seed(0)
    spec = NetworkSpec(
        architecture=parse_architecture(architecture),
        input_shape=(1, size, size),
        classes=3,
        time_steps=TIME_STEPS,
        events=events,
        batch_norm=batch_norm,
    )
    chosen = get_method(method)
    model = chosen.build(spec, replace(chosen.Parameters(), **parameters)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.rand_like(weight) * (torch.rand_like(weight) > 1 / 3))
    model.calibrate([inputs(size)])
    return model


def inputs(size: int = 5, *, events: bool = False) -> Tensor:
    """Three samples, half of whose values are 0."""
    draw = torch.Generator().manual_seed(1)
    shape = (TIME_STEPS, 3, 1, size, size) if events else (3, 1, size, size)
    return (torch.rand(shape, generator=draw) > 0.5).float() * (1 if events else 2.5)


@torch.no_grad()
def counted(model: Model, *batches: Tensor) -> Operations:
    activity = ActivityMeter(model, spiking_output=model.spiking_output)
    meter = OperationMeter(model, activity)
    with activity.watching(), meter.watching():
        for batch in batches:
            model(batch)
    model(batches[0])  # not watched
    result = meter.result()
    assert result is not None
    return result


def test_a_value_reaches_fewer_synapses_at_the_border_of_a_convolution() -> None:
    padded = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    assert fan_out([padded], (1, 3, 3)).tolist() == [[[8, 12, 8], [12, 18, 12], [8, 12, 8]]]
    bare = nn.Conv2d(1, 1, 2, bias=False)
    assert fan_out([bare], (1, 3, 3)).tolist() == [[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]


def test_a_weight_of_zero_is_no_synapse_unless_all_are_counted() -> None:
    layer = nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0], [0, 0], [-2, 5]]))
    assert fan_out([layer], (2,)).tolist() == [2, 1]
    assert fan_out([layer], (2,), zero_weights=True).tolist() == [3, 3]


def test_pooling_hands_spikes_on_and_drops_those_at_an_incomplete_border() -> None:
    path = [SumPool(2), nn.Flatten(1), nn.Linear(1, 7, bias=False)]
    assert fan_out(path, (1, 3, 3)).tolist() == [[[7, 7, 0], [7, 7, 0], [0, 0, 0]]]
    assert fan_out([nn.AvgPool2d(2), *path[1:]], (1, 3, 3)).equal(fan_out(path, (1, 3, 3)))
    assert not fan_out([SumPool(2)], (1, 3, 3)).any()


def test_two_neurons_counted_by_hand() -> None:
    """An image of 2 values that are not 0, 2 hidden neurons, 3 output neurons, T = 4."""
    model = build("stbp", "2", size=2)
    first, second = model.parameters()
    with torch.no_grad():
        first.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, -1]]))  # drives the first neuron, holds back the other
        second.copy_(torch.tensor([[1.0, 1], [1, 1], [0, 1]]))
    # One image, whose last value reaches a weight, too: 2 products. Neuron 0 spikes in each step, with 2 weights.
    operations = counted(model, torch.tensor([[[[2.0, 0], [0, 3]]]]))
    assert asdict(operations) == pytest.approx(
        {
            "synops": 4 * 2,
            "macs": 2,
            "macs_every_step": 4 * 2,
            "dense_operations": 4 * 2 + 4 * (2 * 3),
            "energy_nj": (8 * 0.9 + 2 * 4.6) / 1000,
            "energy_every_step_nj": (8 * 0.9 + 8 * 4.6) / 1000,
        }
    )


def test_energy_is_that_of_additions_and_multiplications_in_nanojoules() -> None:
    assert energy_nj(macs=1000, accumulates=0) == pytest.approx(4.6)
    assert energy_nj(macs=0, accumulates=1000) == pytest.approx(0.9)


def spikes_of(model: Model, batch: Tensor) -> list[NDArray[Any]]:
    """Spikes of every spiking layer, ``[T, B, ...]``."""
    seen = []
    layers = [module for module in model.modules() if isinstance(module, SpikingLayer)]
    hooks = [
        layer.register_forward_hook(lambda module, _inputs, output: seen.append(module.spikes(output).numpy()))
        for layer in layers
    ]
    with torch.no_grad():
        model(batch)
    for hook in hooks:
        hook.remove()
    return seen


def reached_by_hand(position: tuple[int, ...], weights: NDArray[Any], *, size: int, padding: int) -> int:
    """Walk through all synapses of a convolution and count those from one position whose weight is not 0."""
    channel, row, column = position
    kernel = weights.shape[-1]
    count = 0
    for out, y, x in itertools.product(
        range(weights.shape[0]), *(range(size + 2 * padding - kernel + 1) for _ in range(2))
    ):
        i, j = row + padding - y, column + padding - x
        if 0 <= i < kernel and 0 <= j < kernel:
            count += int(weights[out, channel, i, j] != 0)
    return count


ARCHITECTURE = "2C3p1-P2-3C2-4"
"""On 5 x 5: 2 x 5 x 5, pooled to 2 x 2 x 2 without the border, 3 x 1 x 1, 4, 3."""


def by_hand(model: Model, batch: Tensor) -> tuple[float, float]:
    """Accumulates and multiply-accumulates a sample of `ARCHITECTURE`, one spike at a time."""
    weights = [weight.detach().numpy() for weight in model.parameters() if weight.dim() > 1]
    layers = spikes_of(model, batch)
    events = batch.dim() == 5
    first = sum(
        reached_by_hand(tuple(place[-3:]), weights[0], size=5, padding=1) for place in np.argwhere(batch.numpy() != 0)
    )
    synops = first if events else 0
    for _, _, channel, row, column in np.argwhere(layers[0]):
        if row < 4 and column < 4:
            synops += reached_by_hand((channel, row // 2, column // 2), weights[1], size=2, padding=0)
    for _, _, channel, _, _ in np.argwhere(layers[1]):
        synops += int((weights[2][:, channel] != 0).sum())
    for _, _, neuron in np.argwhere(layers[2]):
        synops += int((weights[3][:, neuron] != 0).sum())
    return synops / 3, 0 if events else first / 3


@pytest.mark.parametrize(
    ("method", "events"),
    [*itertools.product(["tssl_bp", "stbp", "slayer", "tet"], [False, True]), ("converted", False), ("qcfs", False)],
)
def test_spikes_times_fan_out_whatever_the_layers_exchange(method: str, events: bool) -> None:
    check_by_hand(build(method, ARCHITECTURE, events=events), events=events)


@pytest.mark.parametrize("events", [False, True])
def test_normalisation_is_part_of_the_weights(events: bool) -> None:
    check_by_hand(build("stbp", ARCHITECTURE, events=events, batch_norm=True), events=events)


def check_by_hand(model: Model, *, events: bool) -> None:
    batch = inputs(events=events)
    operations = counted(model, batch)
    synops, macs = by_hand(model, batch)
    assert synops > 50
    assert [operations.synops, operations.macs] == pytest.approx([synops, macs])
    assert operations.macs_every_step == pytest.approx(macs * TIME_STEPS)
    # Connections: 13 x 13 of the padded convolution in 2 channels, 2 x 4 to each of 3, 3 x 4, 4 x 3.
    assert operations.dense_operations == 13 * 13 * 2 * (TIME_STEPS if events else 1) + (24 + 12 + 12) * TIME_STEPS
    halves = counted(model, *batch.split(2, dim=int(events)))
    assert [halves.synops, halves.macs] == [operations.synops, operations.macs]


def neurobench(model: Model, batch: Tensor) -> dict[str, float]:
    """Operations a sample of a batch of three as NeuroBench counts them."""
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    wrapped, metric = TorchModel(model), SynapticOperations()
    wrapped.register_hooks()
    with torch.no_grad():
        output = wrapped(batch)
        counts: dict[str, float] = metric(wrapped, output, (torch.zeros(3), None))
    wrapped.cleanup_hooks()
    return counts


@pytest.mark.parametrize("events", [False, True])
def test_neurobench_counts_the_same_where_layers_exchange_spikes(events: bool) -> None:
    pytest.importorskip("neurobench", reason="the extra `peers` is not installed")
    model, batch = build("stbp", "3C3p1-4C3-6", events=events), inputs(events=events)
    ours, theirs = counted(model, batch), neurobench(model, batch)
    assert theirs["Effective_ACs"] > 100
    assert ours.synops == pytest.approx(theirs["Effective_ACs"])
    assert ours.macs == pytest.approx(theirs["Effective_MACs"])
    assert ours.dense_operations == pytest.approx(theirs["Dense"])


def test_neurobench_counts_the_same_of_the_relu_network_with_pooling() -> None:
    pytest.importorskip("neurobench", reason="the extra `peers` is not installed")
    model, batch = build("ann", ARCHITECTURE), inputs()
    ours, theirs = counted(model, batch), neurobench(model, batch)
    assert ours.synops == theirs["Effective_ACs"] == 0
    assert ours.macs == ours.macs_every_step == pytest.approx(theirs["Effective_MACs"])
    assert ours.dense_operations == pytest.approx(theirs["Dense"])


def test_neurobench_takes_postsynaptic_currents_for_no_spikes() -> None:
    """Why this suite counts on spikes: a hook on what TSSL-BP's synapses receive finds no accumulate."""
    pytest.importorskip("neurobench", reason="the extra `peers` is not installed")
    model, batch = build("tssl_bp", "3C3p1-6"), inputs()
    assert neurobench(model, batch)["Effective_ACs"] == 0
    assert counted(model, batch).synops > 0


def test_an_image_counts_once_even_if_the_model_computes_it_in_every_step() -> None:
    model, batch = build("stbp", ARCHITECTURE), inputs()
    once = counted(model, batch)
    network = model.network
    assert isinstance(network, Network)
    model.forward = lambda inputs: network(inputs.expand(TIME_STEPS, *inputs.shape))  # type: ignore[method-assign]
    repeated = counted(model, batch)
    assert [repeated.synops, repeated.macs] == [once.synops, once.macs]
    assert repeated.macs_every_step == once.macs_every_step == TIME_STEPS * once.macs
    assert repeated.dense_operations - once.dense_operations == (TIME_STEPS - 1) * 13 * 13 * 2


def test_values_that_are_no_spikes_count_in_every_step() -> None:
    class Relu(nn.ReLU):
        """Hands on what it gets, at least 1 everywhere: every synapse multiplies in every step."""

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 1

    class Hybrid(STBPModel):
        def __init__(self, spec: NetworkSpec) -> None:
            super().__init__(spec, STBPParameters(), "auto")
            self.network.rest.layer1_neuron = Relu()

    spec = NetworkSpec(architecture=parse_architecture("5"), input_shape=(1, 2, 2), classes=3, time_steps=TIME_STEPS)
    operations = counted(Hybrid(spec).eval(), torch.ones(2, 1, 2, 2))
    assert operations.macs == 4 * 5 + TIME_STEPS * 5 * 3
    assert operations.macs_every_step == TIME_STEPS * (4 * 5 + 5 * 3)
    assert operations.synops == 0


def test_pooling_with_neurons_of_its_own_has_no_weights() -> None:
    model = build("slayer", "2C3p1-P2-4", spiking_pool=True, events=True)
    batch = inputs(events=True)
    layers = spikes_of(model, batch)
    weights = [weight.detach().numpy() for weight in model.parameters() if weight.dim()]
    pooled, dense = layers[1].reshape(*layers[1].shape[:2], -1), layers[2]
    synops = sum(int((weights[1][:, place[-1]] != 0).sum()) for place in np.argwhere(pooled))
    synops += sum(int((weights[2][:, place[-1]] != 0).sum()) for place in np.argwhere(dense))
    synops += sum(
        reached_by_hand(tuple(place[-3:]), weights[0], size=5, padding=1) for place in np.argwhere(batch.numpy())
    )
    assert counted(model, batch).synops == pytest.approx(synops / 3)


def test_a_model_without_a_known_network_is_not_counted() -> None:
    class Other(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    meter = OperationMeter(Other(), ActivityMeter(Other()))
    assert meter.result() is None


def test_counting_changes_no_weight_and_draws_no_random_number() -> None:
    model, batch = build("slayer", ARCHITECTURE), inputs()
    before, state = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    counted(model, batch)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
