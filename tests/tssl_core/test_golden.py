"""The neuron and whole networks against arrays computed with the authors' code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tssl_core import (
    LIFParams,
    SpikingNetwork,
    TSSLParams,
    parse_architecture,
    spike_count_loss,
    spiking_psc,
    target_psc,
    target_spike_train,
    van_rossum_loss,
)

GOLDEN = Path(__file__).parents[1] / "golden"
OPERATIONS = sorted(path.stem for path in GOLDEN.glob("op_*.npz"))
NETWORKS = {
    "net_cnn_kernel_T5": "6C5-P2-8C3p1-P2-20",
    "net_mlp_kernel_T10": "40-30",
    "net_event_count_T30": "4C5p1-P2-6C5-P2",
}


def load(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays if arrays[key].dtype.kind != "U"}


def lif_of(golden: dict[str, Tensor]) -> LIFParams:
    return LIFParams(**{key: golden[key].item() for key in ("tau_m", "tau_s", "threshold")})


def assert_relative(got: Tensor, expected: Tensor, tolerance: float) -> None:
    """Compare to a fraction of the largest expected entry."""
    assert got.shape == expected.shape
    assert (got - expected).abs().max() <= tolerance * expected.abs().max()


def test_every_golden_array_is_here() -> None:
    assert len(OPERATIONS) == 6
    assert sorted(path.stem for path in GOLDEN.glob("net_*.npz")) == sorted(NETWORKS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_neuron_operation_matches_the_authors_code(name: str) -> None:
    golden = load(name)
    current = golden["current"].requires_grad_()
    psc = spiking_psc(current, lif_of(golden), TSSLParams(), backend="reference")
    assert (psc - golden["psc"]).abs().max() <= 1e-6
    psc.backward(golden["grad_psc"])
    assert current.grad is not None
    assert_relative(current.grad, golden["grad_current"], 1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_network_matches_the_authors_code(name: str) -> None:
    golden = load(name)
    lif, images, labels = lif_of(golden), golden["input"], golden["label"]
    time_steps = int(golden["time_steps"])
    shape = images.shape[-3:]
    network = SpikingNetwork(
        parse_architecture(NETWORKS[name]), (shape[0], shape[1], shape[2]), 10, lif=lif, backend="reference"
    )
    synapses = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(synapses) == sum(key.startswith("weight_") for key in golden)
    for index, layer in enumerate(synapses):
        layer.weight.data = golden[f"weight_{index}"]

    psc = network(images, time_steps)
    assert (psc - golden["output_psc"]).abs().max() <= 1e-6
    if "target_psc" in golden:
        train = target_spike_train(time_steps)
        target = target_psc(labels, 10, train, tau_s=lif.tau_s, filter_passes=2)
        assert (target - golden["target_psc"]).abs().max() <= 1e-6
        loss = van_rossum_loss(psc, target)
    else:
        loss = spike_count_loss(psc, labels, desired=golden["desired"].item(), undesired=golden["undesired"].item())
    assert loss.item() == pytest.approx(golden["loss"].item(), rel=1e-5)
    loss.backward()
    for index, layer in enumerate(synapses):
        assert layer.weight.grad is not None
        assert_relative(layer.weight.grad, golden[f"grad_weight_{index}"], 1e-5)
