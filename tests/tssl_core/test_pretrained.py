"""Pretrained networks: what the record says is what the weights give, and damaged weights are not used."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

import tssl_core.pretrained
from benchmarks.datasets.dataset import get_dataset
from benchmarks.export.release import accuracy_of
from tssl_core import ParameterError, PretrainedError, load_pretrained, pretrained_networks
from tssl_core.pretrained import FOLDER, REGISTRY_FILE

NAMES = sorted(pretrained_networks())
NAME = "fashion_mnist_400_400"
ALLOWED_BYTES = 2_000_000


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of the weights, which is used instead."""
    folder = shutil.copytree(FOLDER, tmp_path / "weights")
    monkeypatch.setattr(tssl_core.pretrained, "FOLDER", folder)
    return folder


def made_images(count: int) -> Tensor:
    """Patterns of bytes, the same on every machine."""
    return ((torch.arange(count * 28 * 28) * 37 + 11) % 256).reshape(count, 1, 28, 28).to(torch.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_has_the_recorded_accuracy_on_the_test_set(name: str, real_root: Path) -> None:
    record = pretrained_networks()[name]
    test = get_dataset(record.dataset).load(real_root).test
    accuracy = accuracy_of(load_pretrained(name), test, record.time_steps)
    # On another machine a sum may round to the other side of a threshold.
    assert accuracy == pytest.approx(record.accuracy, abs=3e-4)
    assert record.accuracy == pytest.approx(record.accuracy_last, abs=1e-3)


@torch.no_grad()
def test_the_output_on_made_images_is_that_of_the_released_weights() -> None:
    record = pretrained_networks()[NAME]
    inputs = record.normalised(made_images(20)).double()
    network = load_pretrained(NAME, backend="reference").double()
    assert not network.training
    assert all(weight.dtype == torch.float64 for weight in network.parameters())
    psc = network(inputs, record.time_steps)
    assert psc.sum((0, 1)).tolist() == [3.5, 0, 0, 0.5, 0, 2.75, 0, 0, 5, 0]  # halves, as tau_s is 2: exact


@torch.no_grad()
def test_bytes_and_fractions_are_normalised_alike() -> None:
    record, images = pretrained_networks()[NAME], made_images(2)
    assert torch.equal(record.normalised(images), record.normalised(images.float() / 255))
    assert torch.equal(record.normalised(images), (images.float() / 255 - record.mean[0]) / record.std[0])


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ParameterError, match=f"unknown pretrained network 'mnist'; expected one of .*{NAME}"):
        load_pretrained("mnist")


def test_weights_that_are_damaged_or_missing_are_not_used(copied: Path) -> None:
    path = copied / f"{NAME}.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(PretrainedError, match=r"its SHA-256 is \w{64}; expected \w{64}, .* install the package again"):
        load_pretrained(NAME)
    path.unlink()
    with pytest.raises(PretrainedError, match=r"cannot read the weights of 'fashion_mnist_400_400'.*install"):
        load_pretrained(NAME)


def test_every_file_of_weights_has_an_entry_and_all_together_are_small() -> None:
    files = sorted(path for path in FOLDER.iterdir() if path.name != REGISTRY_FILE)
    assert [path.name for path in files] == [f"{name}.pt" for name in NAMES]
    assert sum(path.stat().st_size for path in files) <= ALLOWED_BYTES
