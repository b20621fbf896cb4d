"""Silent neurons, rates and spike counts, against counts by hand."""

import pytest
import torch

from baselines.method import NetworkSpec, get_method
from benchmarks.metrics.counting.spikes import ActivityMeter, spike_histogram, spikes_in_window
from tests.benchmarks.metrics.made import Told
from tssl_core import parse_architecture

#                           t=0           t=1        sample 0: neuron 0 twice; sample 1: neuron 1 once; neuron 2 never
SPIKES = torch.tensor([[[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 0]]])


def watched(*batches: torch.Tensor, spiking_output: bool = True) -> ActivityMeter:
    model = Told()
    meter = ActivityMeter(model, spiking_output=spiking_output)
    with meter.watching():
        for batch in batches:
            model(batch)
    return meter


def test_each_layer_has_its_own_numbers() -> None:
    hidden, output = watched(SPIKES).layers()
    assert (hidden.name, hidden.hidden, hidden.neurons) == ("layer1", True, 3)
    assert (hidden.silent_fraction, hidden.never_fraction) == (4 / 6, 1 / 3)
    assert (hidden.firing_rate, hidden.spikes_per_sample) == (3 / 12, 1.5)
    assert hidden.spike_counts == (4, 1, 1)
    # The output spikes where the hidden layer does not: 0 1 1, 1 0 1 and then 0 1 1, 1 1 1.
    assert (output.name, output.hidden, output.neurons) == ("output", False, 3)
    assert (output.silent_fraction, output.never_fraction) == (1 / 6, 0)
    assert (output.firing_rate, output.spikes_per_sample) == (9 / 12, 4.5)
    assert output.spike_counts == (1, 1, 4)


def test_the_network_is_counted_with_and_without_its_output_layer() -> None:
    activity = watched(SPIKES).result()
    assert activity is not None
    assert (activity.silent_fraction, activity.silent_fraction_with_output) == (4 / 6, 5 / 12)
    assert (activity.never_fraction, activity.never_fraction_with_output) == (1 / 3, 1 / 6)
    assert (activity.firing_rate, activity.spikes_per_inference) == (3 / 12, 6.0)


def test_batches_add_up() -> None:
    whole, parts = watched(SPIKES), watched(SPIKES[:, :1], SPIKES[:, 1:])
    assert whole.layers() == parts.layers()
    assert whole.result() == parts.result()


def test_the_histogram_is_of_hidden_neurons_alone() -> None:
    assert spike_histogram(watched(SPIKES).layers()) == (4, 1, 1)
    assert spike_histogram(watched(SPIKES, spiking_output=False).layers()) == (5, 2, 5)
    assert spike_histogram(()) == ()


@pytest.mark.parametrize(("time_steps", "expected"), [(99, (0, *[0] * 98, 2)), (150, (0, *[0] * 99, 2))])
def test_the_last_entry_of_a_long_histogram_stands_for_so_many_spikes_and_more(
    time_steps: int, expected: tuple[int, ...]
) -> None:
    assert watched(torch.ones(time_steps, 1, 2)).layers()[0].spike_counts == expected


def test_layers_are_called_by_their_place_in_the_architecture_and_pooling_by_its_own_if_it_has_neurons() -> None:
    def names(method: str, parameters: object) -> list[str]:
        spec = NetworkSpec(
            architecture=parse_architecture("4C3-P2-6"), input_shape=(1, 8, 8), classes=3, time_steps=9, events=True
        )
        model = get_method(method).build(spec, parameters)
        meter = ActivityMeter(model)
        with meter.watching(), torch.no_grad():
            model.eval()(torch.ones(9, 2, 1, 8, 8))
        return [layer.name for layer in meter.layers()]

    slayer = get_method("slayer").Parameters
    assert names("tssl_bp", get_method("tssl_bp").Parameters()) == ["layer1", "layer3", "output"]
    assert names("slayer", slayer(spiking_pool=True)) == ["layer1", "layer2", "layer3", "output"]


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
@pytest.mark.parametrize("time_steps", [1, 300, 2**15])
def test_spikes_in_a_window_are_its_sum_however_long_it_is(time_steps: int, dtype: torch.dtype) -> None:
    spikes = torch.rand(time_steps, 2, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    spikes[:, 0, 0] = True
    assert torch.equal(spikes_in_window(spikes.to(dtype)).to(torch.int64), spikes.sum(0))
