"""Integrate-and-fire neurons against hand, exact arithmetic and SpikingJelly; converted networks against ReLU's."""

from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.ann import ANNModel
from baselines.converted import ConvertedModel, ConvertedNeuron, ConvertedParameters, percentile_of_positive
from baselines.neurons.integrate_and_fire import IFParams, IntegrateAndFire, integrate_and_fire
from benchmarks.config.execution import Execution
from benchmarks.config.run import kept_run, validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.samples.split import ImageSplit, Split
from benchmarks.metrics.accuracy import accuracy_at_steps
from benchmarks.results import EpochResult
from benchmarks.training.training import CALIBRATION_SAMPLES, Training, prepare
from tssl_core import ParameterError

CPU = torch.device("cpu")
DIGITS = get_dataset("digits").load(Path())
NETWORK = "8C3p1d0.1-P2-16C3p1-P2-64"
EIGHTHS = st.integers(-16, 24).map(lambda eighths: Fraction(eighths, 8))


@cache
def training_of(method: str, *, time_steps: int = 2, epochs: int = 15) -> Training:
    values = {"dataset": "digits", "method": method, "architecture": NETWORK, "batch_size": 32, "epochs": epochs}
    config = validate_run({**values, "time_steps": time_steps, "optimizer": {"learning_rate": 2e-3}})
    training = prepare(config, Execution(device="cpu"), DIGITS)
    for _ in training.epochs():
        pass
    return training


def relu_network() -> ANNModel:
    """A copy of the trained network, in evaluation mode."""
    model = deepcopy(training_of("ann").model)
    assert isinstance(model, ANNModel)
    return model.eval()


def converted(*, time_steps: int, **parameters: Any) -> ConvertedModel:
    """Convert the trained network, calibrated on the samples that a run takes."""
    values = {"dataset": "digits", "method": "converted", "architecture": NETWORK, "epochs": 1}
    config = validate_run({**values, "time_steps": time_steps, "parameters": parameters})
    model = prepare(config, Execution(device="cpu"), DIGITS).model
    assert isinstance(model, ConvertedModel)
    # All but the thresholds, which the trained network does not have.
    missing, unexpected = model.load_state_dict(training_of("ann").model.state_dict(), strict=False)
    assert not unexpected
    assert all(name.endswith("_extra_state") for name in missing)
    model.calibrate([DIGITS.train.batch(torch.arange(CALIBRATION_SAMPLES))[0]])
    return model.eval()


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1)


def test_a_trace_worked_by_hand() -> None:
    current = column(0.75, 0.75, 0.5, -0.25, 2.5, 0.0, 0.0)
    # V: 0.75, 1.5 -> 0.5, 1.0 -> 0 (a spike at equality), -0.25, 2.25 -> 1.25, 1.25 -> 0.25, 0.25
    assert integrate_and_fire(current, IFParams()).flatten().tolist() == [0, 1, 1, 0, 1, 1, 0]
    # From V = 0.5: 1.25 -> 0.25, 1.0 -> 0, 0.5, 0.25, 2.75 -> 1.75, 1.75 -> 0.75, 0.75
    assert integrate_and_fire(current, IFParams(initial_potential=0.5)).flatten().tolist() == [1, 1, 0, 0, 1, 1, 0]
    # Twice the threshold: 0.75, 1.5, 2.0 -> 0, -0.25, 2.25 -> 0.25, 0.25, 0.25
    assert integrate_and_fire(current, IFParams(threshold=2.0)).flatten().tolist() == [0, 0, 1, 0, 1, 0, 0]


def test_the_layer_gives_spikes_the_height_of_the_threshold_and_tells_where_they_are() -> None:
    layer = IntegrateAndFire(IFParams(threshold=0.5))
    output = layer(column(0.25, 0.25, 0.25))
    assert output.flatten().tolist() == [0, 0.5, 0]
    assert layer.spikes(output).flatten().tolist() == [False, True, False]


@settings(deadline=None)
@given(
    currents=st.lists(EIGHTHS, min_size=1, max_size=40),
    threshold=st.sampled_from([Fraction(1, 4), Fraction(1), Fraction(3, 2)]),
    start=st.sampled_from([Fraction(0), Fraction(1, 2)]),
)
def test_the_rate_is_the_mean_input_less_the_potential_that_is_left(
    currents: list[Fraction], threshold: Fraction, start: Fraction
) -> None:
    params = IFParams(threshold=float(threshold), initial_potential=float(start))
    spikes = integrate_and_fire(column(*map(float, currents)), params).flatten().tolist()
    first = potential = start * threshold
    for current, spike in zip(currents, spikes, strict=True):
        potential += current
        assert spike == (potential >= threshold)
        potential -= threshold * int(spike)
    steps = len(currents)
    mean = sum(currents, Fraction()) / steps / threshold
    assert Fraction(sum(map(int, spikes)), steps) == mean - (potential - first) / (steps * threshold)


@settings(deadline=None)
@given(eighths=st.integers(0, 8), steps=st.integers(1, 100), start=st.sampled_from([Fraction(0), Fraction(1, 2)]))
def test_a_constant_input_up_to_the_threshold_is_rounded_to_whole_spikes(
    eighths: int, steps: int, start: Fraction
) -> None:
    current = torch.full((steps, 1), eighths / 8)
    count = integrate_and_fire(current, IFParams(initial_potential=float(start))).sum()
    assert int(count) == (Fraction(eighths, 8) * steps + start) // 1


@pytest.mark.parametrize("threshold", [1.0, 0.3, 2.7])
def test_spikes_are_those_of_spikingjelly(threshold: float) -> None:
    peer = pytest.importorskip("spikingjelly.activation_based.neuron", reason="needs SpikingJelly, which is not here")
    current = torch.randn(63, 5, 7, generator=torch.Generator().manual_seed(0)) + 0.3
    node = peer.IFNode(v_threshold=threshold, v_reset=None, step_mode="m")
    expected = node(current).detach()
    assert 0.05 < expected.mean() < 0.95
    assert torch.equal(integrate_and_fire(current, IFParams(threshold=threshold)), expected)


def test_thresholds_and_potentials_without_meaning_are_refused() -> None:
    for threshold in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ParameterError, match="expected a positive finite number"):
            IFParams(threshold=threshold)
    for potential in (-0.1, 1.0):
        with pytest.raises(ParameterError, match=r"expected a fraction in \[0, 1\)"):
            IFParams(initial_potential=potential)


def test_a_percentile_worked_by_hand_leaves_zeros_out_and_is_linear_between_neighbours() -> None:
    values = torch.tensor([[0.0, 4.0, 0.0, 1.0], [3.0, -7.0, 0.0, 2.0]])
    # Of 1, 2, 3, 4: rank 3 * 0.5 = 1.5 is between 2 and 3; rank 3 * 0.9 = 2.7 between 3 and 4.
    together = values.reshape(1, -1)
    assert percentile_of_positive(together, 50).tolist() == [2.5]
    assert percentile_of_positive(together, 90).tolist() == pytest.approx([3.7])
    assert percentile_of_positive(together, 100).tolist() == [4.0]
    # A row each: of 1, 4 and of 2, 3; of 5 alone; of nothing.
    assert percentile_of_positive(values, 50).tolist() == [2.5, 2.5]
    assert percentile_of_positive(values, 75).tolist() == [3.25, 2.75]
    assert percentile_of_positive(torch.tensor([[5.0, 0.0], [0.0, 0.0], [1.0, 2.0]]), 99.9).tolist() == [
        5.0,
        1.0,
        pytest.approx(1.999),
    ]
    for nothing in (torch.zeros(2, 3), torch.empty(2, 0)):
        assert percentile_of_positive(nothing, 99.9).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("percentile", [0.1, 37.0, 99.0, 99.9])
def test_a_percentile_is_that_of_torch(percentile: float) -> None:
    values = torch.rand(3, 4321, generator=torch.Generator().manual_seed(0)) + 0.1
    values[1, 17:] = 0  # so that rows have their percentiles in other places
    expected = [torch.quantile(row[row > 0].double(), percentile / 100).item() for row in values]
    assert percentile_of_positive(values, percentile).tolist() == pytest.approx(expected, rel=1e-6)


def test_the_conversion_of_before_is_a_preset_and_that_of_now_loses_less_in_few_steps() -> None:
    def right(preset: str) -> float:
        values = {"dataset": "digits", "method": preset, "architecture": NETWORK, "epochs": 1}
        network = converted(time_steps=4, **validate_run(values).parameters)
        return accuracy_at_steps(network, DIGITS.test, CPU, time_steps=4)[-1]

    assert right("converted") > right("converted:per-layer") + 0.03


def test_runs_of_before_there_were_thresholds_of_channels_had_one_a_layer_and_keep_their_key() -> None:
    kept = {"initial_conv_scale": 1.0, "percentile": 99.9, "initial_potential": 0.0}
    values = {"dataset": "digits", "method": "converted", "architecture": "9", "epochs": 1, "parameters": kept}
    config = kept_run(values)
    assert config.parameters["normalisation"] == "layer"
    assert config.run_key == "af15555465a6281e"  # as before there was the setting
    assert validate_run(values).parameters["normalisation"] == "channel"
    assert validate_run(values).run_key != config.run_key
    assert kept_run(config.model_dump()) == config
    assert kept_run(validate_run(values).model_dump()) == validate_run(values)


@pytest.mark.parametrize("parameters", [{"percentile": 0.0}, {"percentile": 101.0}, {"initial_potential": 1.0}])
def test_parameters_without_meaning_are_refused_before_a_run(parameters: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="expected"):
        ConvertedParameters(**parameters)


def test_training_is_that_of_the_relu_network_bit_for_bit() -> None:
    mine, twin = (dict(training_of(name).model.named_parameters()) for name in ("converted", "ann"))
    assert mine.keys() == twin.keys()
    assert all(torch.equal(mine[name], twin[name]) for name in mine)


def test_a_network_without_thresholds_is_not_evaluated() -> None:
    config = validate_run({"dataset": "digits", "method": "converted", "architecture": "9", "epochs": 1})
    model = prepare(config, Execution(device="cpu"), DIGITS).model.eval()
    with pytest.raises(RuntimeError, match="call the model's calibrate"):
        model(torch.zeros(1, 1, 8, 8))


def layer_outputs(model: ANNModel, images: Tensor) -> list[Tensor]:
    """Mean over time of each hidden layer's output, and of the network's own, in the model's mode."""
    means: list[Tensor] = []
    layers = [module for name, module in model.network.rest.named_children() if name.endswith("_neuron")]
    hooks = [layer.register_forward_hook(lambda *arguments: means.append(arguments[2].mean(0))) for layer in layers]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return means


@pytest.mark.parametrize("normalisation", ["layer", "channel"])
def test_a_threshold_is_the_percentile_of_its_activations_without_dropout(normalisation: str) -> None:
    images = DIGITS.train.batch(torch.arange(CALIBRATION_SAMPLES))[0]
    *hidden, _ = layer_outputs(relu_network(), images)
    model = converted(time_steps=1, percentile=99.0, normalisation=normalisation)
    thresholds = [layer.thresholds.tolist() for layer in model.modules() if isinstance(layer, ConvertedNeuron)]
    parts = [values.unbind(1) if normalisation == "channel" else [values] for values in hidden]
    assert [len(values) for values in parts] == ([8, 16, 64] if normalisation == "channel" else [1, 1, 1])
    for found, values in zip(thresholds, parts, strict=True):
        expected = [torch.quantile(part[part > 0], 0.99).item() if (part > 0).any() else 1.0 for part in values]
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 5)])
def test_channels_spike_as_layers_with_their_threshold_would(shape: tuple[int, ...]) -> None:
    neuron = ConvertedNeuron(ConvertedParameters(), "auto").eval()
    neuron.set_extra_state(torch.tensor([0.5, 1.0, 4.0]))
    # Eighths and powers of two: nothing is rounded.
    current = torch.randint(-8, 24, (9, 2, *shape), generator=torch.Generator().manual_seed(0)) / 8
    output = neuron(current)
    for channel, threshold in enumerate([0.5, 1.0, 4.0]):
        alone = IntegrateAndFire(IFParams(threshold=threshold, initial_potential=0.5))(current[:, :, channel])
        assert torch.equal(output[:, :, channel], alone)
        assert alone.any()
        assert neuron.spikes(output)[:, :, channel].equal(alone != 0)


def test_rates_and_scores_converge_to_the_activations_of_the_relu_network() -> None:
    images = DIGITS.train.batch(torch.arange(60))[0].double()
    wanted = layer_outputs(relu_network().double(), images)
    errors = []
    for time_steps in (50, 200, 800):
        model = converted(
            time_steps=time_steps, percentile=100.0, normalisation="layer", initial_potential=0.0
        ).double()
        model.calibrate([images])
        first, *_ = [layer.params.threshold for layer in model.modules() if isinstance(layer, IntegrateAndFire)]
        got = layer_outputs(model, images)
        # The first layer's input is constant: its rates are rounded down, by less than a spike.
        difference = wanted[0] - got[0]
        assert difference.min() > -1e-9
        assert difference.max() < first / time_steps + 1e-9
        errors.append([float((a - b).abs().max() / a.abs().max()) for a, b in zip(wanted, got, strict=True)])
    assert len(errors[0]) == 4
    for before, after in pairwise(errors):
        assert all(late < early / 2 for early, late in zip(before, after, strict=True))
    assert max(errors[-1]) < 0.02


def test_at_200_steps_the_accuracy_is_that_of_the_relu_network() -> None:
    twin = accuracy_at_steps(relu_network(), DIGITS.test, CPU)[-1]
    ours = accuracy_at_steps(converted(time_steps=200), DIGITS.test, CPU, time_steps=200)[-1]
    assert twin > 0.85
    assert abs(ours - twin) <= max(0.003, 1 / len(DIGITS.test)) + 1e-9


@dataclass(frozen=True)
class InDouble:
    """A split whose images are float64: then no spike hangs on how a sum was rounded."""

    images: ImageSplit
    on_device = True

    def draw(self, samples: int, draw: torch.Generator) -> None:
        del samples, draw

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        inputs, labels = self.images.batch(indices, changes)
        return inputs.double(), labels

    def checksum(self) -> str:
        return self.images.checksum()

    def to(self, device: torch.device) -> Split:
        return InDouble(self.images.to(device))


def test_one_run_gives_the_accuracy_of_every_shorter_run() -> None:
    assert isinstance(DIGITS.test, ImageSplit)
    split = InDouble(DIGITS.test)
    curve = accuracy_at_steps(converted(time_steps=20).double(), split, CPU, time_steps=20)
    assert len(curve) == 20
    assert len(set(curve)) > 5
    for time_steps in (1, 2, 5, 11, 20):
        run = accuracy_at_steps(converted(time_steps=time_steps).double(), split, CPU, time_steps=time_steps)[-1]
        assert curve[time_steps - 1] == run


def test_the_activity_of_a_converted_network_is_that_of_its_hidden_layers() -> None:
    training = training_of("converted", epochs=1)
    history = [EpochResult(epoch=1, train_loss=1, train_accuracy=1, test_accuracy=1, train_seconds=1, test_seconds=1)]
    measures = training.finish(history).measures
    assert measures["silent_fraction"] == measures["silent_fraction_with_output"]
    assert 0 < measures["firing_rate"] < 1
