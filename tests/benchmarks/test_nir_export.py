"""An exported network, read by other libraries through their own importers, spikes as it does here."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.datasets.dataset import get_dataset
from benchmarks.defaults import DEFAULT_DT
from benchmarks.errors import ExportError
from benchmarks.export.nir_graph import import_nir, to_nir
from reports.cli import main
from tests.benchmarks.kept import keep_model
from tssl_core import LIFParams, SpikingNetwork, parse_architecture, spikes_from_psc
from tssl_core.layers import layers_with_weights

nir = pytest.importorskip("nir")
T, SHAPE, LIF = 8, (1, 8, 8), LIFParams(tau_m=4, tau_s=2.5, threshold=0.8)
IMAGES = get_dataset("digits").load(Path()).test.batch(torch.arange(100))[0]
ARCHITECTURES = ["60d0.2", "8C3-P2-30", "6C3p1-P2-8C3-P2-20-15"]

Reader = Callable[[Path, Tensor], Tensor]


def network_of(architecture: str, **how: object) -> SpikingNetwork:
    torch.manual_seed(0)
    network = SpikingNetwork(parse_architecture(architecture), SHAPE, 10, lif=LIF, **how).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for layer in layers_with_weights(network):
            layer.weight.mul_(2)  # so that all layers spike
    return network


@torch.no_grad()
def our_spikes(network: SpikingNetwork, inputs: Tensor) -> Tensor:
    return spikes_from_psc(network(inputs, T), LIF.tau_s).to(inputs.dtype)


def flatten_samples(model: nn.Module) -> None:
    """Leave the batch: NIR counts axes without it, and some importers take the number as it is."""
    for module in model.modules():
        if isinstance(module, nn.Flatten):
            module.start_dim = 1


@torch.no_grad()
def by_spikingjelly(path: Path, steps: Tensor) -> Tensor:
    """Spikes ``[T, B, classes]`` of what SpikingJelly reads, from the input of each time step."""
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    model, state, spikes = import_from_nir(path, dtype=steps.dtype), None, []
    for step in steps:
        output, state = model(step, state)
        spikes.append(output)
    return torch.stack(spikes)


@torch.no_grad()
def by_snntorch(path: Path, steps: Tensor) -> Tensor:
    """The same by snnTorch, which knows float32 alone."""
    pytest.importorskip("snntorch")
    from snntorch.import_nir import import_from_nir

    model, spikes = import_from_nir(nir.read(path)), []
    flatten_samples(model)
    for step in steps:
        output = model(step)
        spikes.append(output[0] if isinstance(output, tuple) else output)
    return torch.stack(spikes)


@torch.no_grad()
def by_norse(path: Path, steps: Tensor) -> Tensor:
    """The same by Norse, which knows float32 alone."""
    pytest.importorskip("norse")
    from norse.torch import from_nir

    state, spikes = None, []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nirtorch.load is being deprecated", DeprecationWarning)  # Norse's own call
        model = from_nir(nir.read(path), dt=DEFAULT_DT)
    flatten_samples(model)
    for step in steps:
        output, state = model(step, state)
        spikes.append(output)
    return torch.stack(spikes)


READERS = pytest.mark.parametrize("reader", [by_spikingjelly, by_snntorch, by_norse])


@READERS
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_another_library_reads_the_file_and_gives_the_same_spikes_on_a_hundred_images(
    architecture: str, reader: Reader, tmp_path: Path
) -> None:
    network = network_of(architecture)
    nir.write(tmp_path / "network.nir", to_nir(network, SHAPE))
    ours = our_spikes(network, IMAGES)
    theirs = reader(tmp_path / "network.nir", IMAGES.expand(T, *IMAGES.shape))
    assert 0.02 < ours.mean() < 0.5
    assert int((ours != theirs).sum()) == 0


@READERS
def test_spike_trains_as_input_give_the_same_spikes(reader: Reader, tmp_path: Path) -> None:
    network = network_of(ARCHITECTURES[1])
    nir.write(tmp_path / "network.nir", to_nir(network, SHAPE))
    trains = (torch.rand(T, 20, *SHAPE) < 0.3).float()
    ours = our_spikes(network, trains)
    assert ours.any()
    assert torch.equal(reader(tmp_path / "network.nir", trains), ours)


def test_double_precision_and_another_time_step_are_kept_too(tmp_path: Path) -> None:
    network = network_of(ARCHITECTURES[2], backend="reference").double()
    nir.write(tmp_path / "network.nir", to_nir(network, SHAPE))
    steps = IMAGES.double().expand(T, *IMAGES.shape)
    assert torch.equal(by_spikingjelly(tmp_path / "network.nir", steps), our_spikes(network, IMAGES.double()))
    of_a_millisecond = to_nir(network, SHAPE, dt=1e-3).nodes["output_neuron"]
    assert of_a_millisecond.tau_mem == pytest.approx(np.full(10, LIF.tau_m * 1e-3))
    assert of_a_millisecond.r == pytest.approx(np.full(10, LIF.tau_m))


def test_a_normalised_network_is_refused_with_what_to_do() -> None:
    with pytest.raises(ExportError, match=r"layer1_norm is a TimeBatchNorm.*train without batch_norm"):
        to_nir(network_of("20", batch_norm=True), SHAPE)


def test_a_time_step_of_no_length_is_refused() -> None:
    with pytest.raises(ExportError, match="dt is 0; expected a positive number"):
        to_nir(network_of("20"), SHAPE, dt=0)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ExportError, match=r"pip install 'tssl-bp-suite\[export\]'"):
        import_nir()


def test_the_command_writes_a_kept_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (_, model), target = keep_model(tmp_path / "model", "tssl_bp"), tmp_path / "network.nir"
    assert main(["export-nir", str(tmp_path), str(target)]) == 0
    assert "input (1, 8, 8) in each of 5 time steps of 0.0001 s" in capsys.readouterr().out
    written = nir.read(target)
    expected = to_nir(model.network, SHAPE)  # type: ignore[arg-type]
    assert sorted(written.edges) == sorted(expected.edges)
    assert np.array_equal(written.nodes["output_synapse"].weight, expected.nodes["output_synapse"].weight)


@pytest.mark.parametrize(
    ("method", "said"),
    [("stbp", "trained by stbp; expected tssl_bp"), (None, "0 kept models, expected one"), ("", "neither a folder")],
)
def test_what_cannot_be_exported_is_an_error_in_a_line(
    method: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    if method is None:
        folder.mkdir()
    elif method:
        keep_model(folder, method)
    assert main(["export-nir", str(folder), str(tmp_path / "network.nir")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "network.nir").exists()
