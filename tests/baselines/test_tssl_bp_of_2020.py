"""The versions of June and September 2020 against arrays computed with the authors' code of those days."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.method import NetworkSpec, get_method
from baselines.tssl_bp import TSSLBPModel, TSSLBPParameters
from benchmarks.config.run import validate_run
from tssl_core import parse_architecture
from tssl_core.layers import TSSLNeuron

GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = {"2020-06-02_d0a06b7": "paper-2020-06", "2020-09-26_6e40449": "paper-2020-09"}
OPERATIONS = ("op_dense_T30", "op_dense_T5", "op_sparse_T5")
NETWORKS = {
    "net_cnn_count_T5": "6C5p2-P2-8C5p2-P2-24",
    "net_cnn_kernel_T5": "6C3p1w2-8C3p1w2-P2-8C3p1w2-P2-24",
    "net_event_count_T30": "4C5p1-P2-6C5-P2",
}
LOSSES = {"count": "spike_count", "kernel": "van_rossum"}

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def load(version: str, name: str) -> dict[str, Any]:
    with np.load(GOLDEN / version / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) if arrays[key].ndim else arrays[key].item() for key in arrays}


def parameters(version: str, golden: dict[str, Any]) -> TSSLBPParameters:
    """The preset of a version, with nothing set but what a network's file sets."""
    changes: dict[str, Any] = {"lif": {key: golden[key] for key in ("tau_m", "tau_s", "threshold")}}
    if "loss_name" in golden:
        changes["loss"] = LOSSES[golden["loss_name"]]
        changes |= {key: golden[key] for key in ("desired_count", "undesired_count") if key in golden}
    run = {"dataset": "digits", "architecture": "10", "epochs": 1, "method": f"tssl_bp:{VERSIONS[version]}"}
    found = validate_run({**run, "parameters": changes}).method_parameters()
    assert isinstance(found, TSSLBPParameters)
    return found


def built(version: str, name: str, golden: dict[str, Any]) -> TSSLBPModel:
    """A network with the weights of the arrays."""
    images = golden["input"]
    channels, height, width = images.shape[-3:]
    spec = NetworkSpec(
        architecture=parse_architecture(NETWORKS[name]),
        input_shape=(channels, height, width),
        classes=10,
        time_steps=len(golden["output_psc"]),
        events=images.dim() == 5,
        initial_weights="kaiming_normal",
    )
    model = get_method("tssl_bp").build(spec, parameters(version, golden), backend="reference")
    assert isinstance(model, TSSLBPModel)
    for weight, layer in enumerate(synapses(model)):
        assert layer.weight.shape == golden[f"weight_{weight}"].shape
        layer.weight.data = golden[f"weight_{weight}"]
    return model


def synapses(model: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def assert_relative(got: Tensor | None, expected: Tensor) -> None:
    """Compare to a fraction of the largest expected entry, which is not zero."""
    assert got is not None
    assert got.shape == expected.shape
    largest = expected.abs().max()
    assert largest > 0
    assert (got - expected).abs().max() <= 1e-5 * largest


def test_every_array_of_2020_is_here(version: str) -> None:
    files = sorted(path.stem for path in (GOLDEN / version).glob("*.npz"))
    assert files == sorted([*OPERATIONS, *NETWORKS])


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_neuron_matches_the_authors_code_of_its_day(version: str, name: str) -> None:
    golden = load(version, name)
    (neuron,) = (module for module in output_layer(version, golden).modules() if isinstance(module, TSSLNeuron))
    current = golden["current"].requires_grad_()
    psc = neuron(current)
    assert (psc - golden["psc"]).abs().max() <= 1e-6
    psc.backward(golden["grad_psc"])
    assert_relative(current.grad, golden["grad_current"])


def output_layer(version: str, golden: dict[str, Any]) -> nn.Module:
    """A network of nothing but an output layer."""
    spec = NetworkSpec(architecture=parse_architecture("P1"), input_shape=(1, 1, 1), classes=1, time_steps=1)
    return get_method("tssl_bp").build(spec, parameters(version, golden), backend="reference")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_of_a_network_matches_the_authors_code_of_its_day(version: str, name: str) -> None:
    golden = load(version, name)
    # In double precision: of the sums over space and time, rounding alone is 1e-5 of the largest entry.
    model = built(version, name, golden).double()
    output = model(golden["input"].double())
    assert (output - golden["output_psc"]).abs().max() <= 1e-6
    loss = model.loss(output, golden["label"])
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-5)
    loss.backward()
    for number, layer in enumerate(synapses(model)):
        assert_relative(layer.weight.grad, golden[f"grad_weight_{number}"])


def test_the_target_of_the_kernel_loss_is_filtered_once(version: str) -> None:
    golden = load(version, "net_cnn_kernel_T5")
    model, labels = built(version, "net_cnn_kernel_T5", golden), golden["label"]
    expected = golden["target_psc_once"]
    for sample, label in enumerate(labels):
        assert (model.desired_psc - expected[:, sample, label]).abs().max() <= 1e-6
    assert (expected.sum(2) - model.desired_psc[:, None]).abs().max() <= 1e-6


def test_the_output_spikes_in_every_step_that_is_compared(version: str) -> None:
    assert all(load(version, name)["output_psc"].any() for name in NETWORKS)


def test_the_weights_of_convolutions_are_wider_than_those_of_pytorch(version: str) -> None:
    for name, scale in (("net_cnn_count_T5", 1), ("net_cnn_kernel_T5", 2), ("net_event_count_T30", 1)):
        first = load(version, name)["weight_0"]
        fan_in = first[0].numel()
        assert first.abs().max() > scale / fan_in**0.5
        assert first.std() == pytest.approx(scale * (2 / fan_in) ** 0.5, rel=0.2)
