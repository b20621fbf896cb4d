"""Presets of TSSL-BP: the parameters that were published, and a warm-up that ends when it should."""

from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.method import Model, get_method
from baselines.tssl_bp import TSSLBPModel, TSSLBPParameters
from baselines.tssl_bp_presets import PRESETS
from benchmarks.config.run import validate_run
from benchmarks.errors import ConfigError
from tssl_core.layers import TSSLNeuron
from tssl_core.reset_matrix import ResetMatrixNeuron

LAST_VERSION = TSSLBPParameters()
RUN = {"dataset": "digits", "architecture": "12-10", "time_steps": 5, "epochs": 1}


def parameters(preset: str = "", **changes: Any) -> TSSLBPParameters:
    method = f"tssl_bp:{preset}" if preset else "tssl_bp"
    found = validate_run({**RUN, "method": method, "parameters": changes}).method_parameters()
    assert isinstance(found, TSSLBPParameters)
    return found


def model(preset: str, **changes: Any) -> TSSLBPModel:
    """A network whose weights do not depend on the preset, with spikes in every layer."""
    config = validate_run({**RUN, "method": f"tssl_bp:{preset}", "parameters": changes})
    torch.manual_seed(0)
    built = get_method("tssl_bp").build(config.network_spec(), config.method_parameters())
    assert isinstance(built, TSSLBPModel)
    for weight in built.parameters():
        weight.data.abs_()
    return built


def gradient(network: Model) -> list[Tensor]:
    network.zero_grad()
    images = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    network.loss(network(images), torch.arange(8)).backward()
    return [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]


def equal(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(mine, other) for mine, other in zip(first, second, strict=True))


def changed(preset: str) -> dict[str, Any]:
    """Where the parameters of a preset differ from the authors' last version."""
    flat = [flatten(values) for values in (parameters(preset), LAST_VERSION)]
    return {key: value for key, value in flat[0].items() if value != flat[1][key]}


def flatten(values: TSSLBPParameters) -> dict[str, Any]:
    return {**vars(values), **vars(values.lif), **vars(values.gradient), "lif": None, "gradient": None}


JUNE = {"tau_s": 2, "gate": "layer", "inverse_min": -10, "inverse_max": 10, "intra_neuron": False}
TARGET_OF_THE_PAPER = {"target_pattern": "paper", "filter_passes": 1}
EXPECTED: dict[str, dict[str, Any]] = {
    "single-filter": {"filter_passes": 1},
    "paper-2020-06": {**JUNE, **TARGET_OF_THE_PAPER},
    "paper-2020-09": {**JUNE, **TARGET_OF_THE_PAPER, "reset_matrix": True},
    "code-2020-10": {**JUNE, "reset_matrix": True},
    "warm-up": {"gate": "never", "warm_up_epochs": 1},
    "surrogate-only": {"gate": "always"},
    "timing-only": {"gate": "never"},
    "no-intra": {"intra_neuron": False},
    "layer-gate": {"gate": "layer"},
    "clamp-10": {"inverse_min": -10, "inverse_max": 10},
    "target-01011": {"target_pattern": "01011"},
    "tau-s-2": {"tau_s": 2},
}


def test_every_preset_is_checked_here() -> None:
    assert list(PRESETS) == list(EXPECTED)


@pytest.mark.parametrize("preset", EXPECTED)
def test_a_preset_differs_from_the_last_version_in_what_its_source_says_and_in_nothing_else(preset: str) -> None:
    assert changed(preset) == EXPECTED[preset]
    assert parameters(preset).gradient.layer_rate == 0.1


@pytest.mark.parametrize("time_steps", [3, 5, 10, 12])
def test_the_target_of_the_paper_is_01011_in_short_windows_and_the_later_one_in_long_windows(time_steps: int) -> None:
    train = parameters("paper-2020-06").target_train(time_steps)
    pattern = [0, 1, 0, 1, 1] if time_steps < 10 else [0, 1] * 6
    assert train.tolist() == pattern[:time_steps]


def test_the_warm_up_takes_the_surrogate_in_its_epochs_and_the_spike_times_after_them() -> None:
    surrogate, timing = gradient(model("surrogate-only")), gradient(model("timing-only"))
    assert not equal(surrogate, timing)
    network = model("warm-up", warm_up_epochs=2)
    assert equal(gradient(network), surrogate)
    for epoch, expected in [(1, surrogate), (2, surrogate), (3, timing), (9, timing), (2, surrogate)]:
        network.start_epoch(epoch)
        assert equal(gradient(network), expected), epoch


def test_without_a_warm_up_all_epochs_have_the_same_gradient() -> None:
    network = model("single-filter")
    before = gradient(network)
    network.start_epoch(1)
    assert equal(gradient(network), before)


def test_a_network_as_it_is_drawn_does_not_start_by_spike_times_alone_but_by_the_surrogate() -> None:
    for preset, starts in (("timing-only", False), ("surrogate-only", True)):
        network = model(preset)
        # Too weak for a single spike, as all of the paper's convolutional networks are in the beginning.
        for weight in network.parameters():
            weight.data.mul_(0.01)
        assert any(part.any() for part in gradient(network)) == starts


@pytest.mark.parametrize("preset", PRESETS)
def test_the_neurons_have_the_term_of_resets_that_was_asked_for(preset: str) -> None:
    neurons = [module for module in model(preset).modules() if isinstance(module, TSSLNeuron)]
    assert len(neurons) == 3
    with_matrix = preset in ("paper-2020-09", "code-2020-10")
    assert {type(neuron) for neuron in neurons} == {ResetMatrixNeuron if with_matrix else TSSLNeuron}
    assert {neuron.tssl.intra_neuron for neuron in neurons} <= {not with_matrix, False}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"warm_up_epochs": -1}, "warm_up_epochs is -1; expected 0 or more"),
        ({"reset_matrix": True}, "expected only one intra-neuron term"),
    ],
)
def test_parameters_without_meaning_are_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parameters(**changes)
