"""Datasets: the contract for each that is found, IDX files with every kind of damage, and the download."""

import errno
import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torchvision.datasets import utils

from benchmarks.datasets.dataset import Dataset, available_datasets, data_root, get_dataset
from benchmarks.datasets.mnist import FILES, MNIST
from benchmarks.datasets.samples.split import first
from benchmarks.datasets.sources.needed import torchvision_dataset
from benchmarks.defaults import DATA_ROOT_VARIABLE
from benchmarks.errors import ConfigError, DatasetError
from tests.conftest import write_mnist

TRAIN_IMAGES, TRAIN_LABELS = FILES["train"]


def test_the_datasets_of_the_suite_are_found() -> None:
    assert {"digits", "mnist", "fashion_mnist"} <= set(available_datasets())


@pytest.mark.parametrize("name", [name for name, it in available_datasets().items() if it.task == "classification"])
def test_a_dataset_gives_normalised_inputs_and_labels(name: str) -> None:
    dataset = get_dataset(name)
    if dataset.missing(data_root()):
        pytest.skip(f"{name} is not under the data root; set {DATA_ROOT_VARIABLE}")
    check_contract(dataset, data_root())


def check_contract(dataset: Dataset, root: Path) -> None:
    data = dataset.load(root)
    for split in (data.train, data.test):
        inputs, labels = split.batch(torch.tensor([1, 0, len(split) - 1]))
        assert inputs.shape == ((1, 3, *dataset.input_shape) if dataset.events else (3, *dataset.input_shape))
        assert inputs.dtype == torch.float32
        assert labels.dtype == torch.int64
        again, _ = split.batch(torch.tensor([0]))
        assert torch.equal(again.movedim(-4, 0)[0], inputs.movedim(-4, 0)[1])
        assert torch.equal(first(split, 2).batch(torch.tensor([1]))[0], inputs.narrow(-4, 0, 1))
        assert len(first(split, 10**9)) == len(split)
    everything, labels = data.train.batch(torch.arange(min(len(data.train), 5000)))
    assert sorted(labels.unique().tolist()) == list(range(dataset.classes))
    assert abs(everything.mean().item()) < 1
    assert 0.5 < everything.std().item() < 1.5
    assert data.checksum() == dataset.load(root).checksum()
    assert data.train.checksum() != data.test.checksum()


def test_digits_are_the_images_of_scikit_learn() -> None:
    data = get_dataset("digits").load(Path("/nowhere"))
    assert (len(data.train), len(data.test)) == (1437, 360)


def test_real_mnist_and_fashion_mnist_have_their_published_sizes(real_root: Path) -> None:
    for name in ("mnist", "fashion_mnist"):
        data = get_dataset(name).load(real_root)
        assert (len(data.train), len(data.test)) == (60_000, 10_000)
        _, labels = data.test.batch(torch.arange(10_000))
        if name == "fashion_mnist":
            assert labels.bincount().tolist() == [1000] * 10


def test_mnist_normalisation_is_that_of_the_authors(mnist_root: Path) -> None:
    data = MNIST().load(mnist_root)
    raw = torchvision_dataset("MNIST")(mnist_root, train=True).data[7]
    inputs, labels = data.train.batch(torch.tensor([7]))
    torch.testing.assert_close(inputs[0, 0], (raw / 255 - 0.1307) / 0.3081)
    assert labels.tolist() == [7]
    assert data.source == "files under the data root"


def test_the_data_root_is_the_option_or_the_variable_or_a_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT_VARIABLE, "/from/variable")
    assert data_root("/from/option") == Path("/from/option")
    assert data_root() == Path("/from/variable")
    monkeypatch.delenv(DATA_ROOT_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_root() == Path("/cache/tssl-bp-suite")


def test_an_unknown_dataset_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown dataset 'imagenet'; expected one of cifar10"):
        get_dataset("imagenet")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (TRAIN_IMAGES, lambda whole: whole[:-1], "has 31,375 bytes, but its header promises 31,376"),
        (TRAIN_IMAGES, lambda whole: whole + b"\0", "has 31,377 bytes"),
        (TRAIN_IMAGES, lambda whole: whole[:7], "is no IDX file"),
        (TRAIN_IMAGES, lambda _: b"", "starts with nothing"),
        (
            TRAIN_IMAGES,
            lambda _: b"<html>404</html>" * 9,
            "is no IDX file of 3-dim.*: it starts with 3c68746d",
        ),
        (TRAIN_LABELS, lambda whole: whole[:7] + b"\x27" + whole[8:-1], "has 40 images, but .* 39 labels"),
        (TRAIN_LABELS, lambda whole: whole[:-1] + b"\x0a", "has a label 10, expected 0 to 9"),
        (TRAIN_IMAGES, lambda w: w[:8] + bytes([0, 0, 0, 14, 0, 0, 0, 56]) + w[16:], r"images of \(14, 56\) pixels"),
    ],
)
def test_a_damaged_file_is_refused_by_name(mnist_root: Path, name: str, content: object, expected: str) -> None:
    path = MNIST().folder(mnist_root) / name
    path.write_bytes(content(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DatasetError, match=expected) as caught:
        MNIST().load(mnist_root)
    assert str(path) in str(caught.value)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A web server on this machine in place of torchvision's mirrors; its folder."""
    folder = tmp_path / "mirror"
    sums = write_mnist(folder, compress=True)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(torchvision_dataset("MNIST"), "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        monkeypatch.setattr(torchvision_dataset("MNIST"), "resources", list(sums.items()))
        monkeypatch.setattr(MNIST, "md5", write_mnist(tmp_path / "unpacked"))
        yield folder
        server.shutdown()


def test_missing_files_are_downloaded_by_torchvision(mirror: Path, tmp_path: Path) -> None:
    del mirror
    root = tmp_path / "fresh" / "root"
    assert len(MNIST().missing(root)) == 4
    data = MNIST().load(root)
    assert data.source == "torchvision download"
    assert (len(data.train), len(data.test)) == (40, 20)
    assert MNIST().missing(root) == []
    assert [path.name for path in root.iterdir()] == ["MNIST"], "the scratch folder is gone"
    assert MNIST().load(root).source == "files under the data root"


def test_a_download_with_a_wrong_checksum_leaves_nothing_behind(mirror: Path, tmp_path: Path) -> None:
    (mirror / f"{TRAIN_IMAGES}.gz").write_bytes(b"another file")
    root = tmp_path / "root"
    with pytest.raises(DatasetError, match=r"could not be fetched .*Ways to get it"):
        MNIST().load(root)
    assert len(MNIST().missing(root)) == 4
    assert list(root.iterdir()) == []


def test_an_interrupted_download_goes_on_from_the_files_that_are_whole(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del mirror
    root, fetched, real = tmp_path / "root", list[str](), utils._urlretrieve

    def interrupted(url: str, filename: str) -> None:
        if len(fetched) == 2:
            Path(filename).write_bytes(b"half a fi")
            raise KeyboardInterrupt
        fetched.append(Path(filename).name)
        real(url, filename)

    monkeypatch.setattr(utils, "_urlretrieve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        MNIST().load(root)
    assert len(MNIST().missing(root)) == 4
    assert [path.name for path in root.iterdir()] == [".partial-mnist"]

    def counted(url: str, filename: str) -> None:
        fetched.append(Path(filename).name)
        real(url, filename)

    monkeypatch.setattr(utils, "_urlretrieve", counted)
    MNIST().load(root)
    assert sorted(fetched) == sorted(f"{name}.gz" for names in FILES.values() for name in names), "each once"
    assert [path.name for path in root.iterdir()] == ["MNIST"]


def test_a_full_disk_ends_the_download_and_keeps_what_was_there(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del mirror
    root = tmp_path / "root"
    MNIST().load(root)
    kept = MNIST().folder(root) / TRAIN_LABELS
    (MNIST().folder(root) / TRAIN_IMAGES).unlink()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(utils, "_urlretrieve", full)
    with pytest.raises(DatasetError, match=rf"{root} .*No space left.*--data-root"):
        MNIST().load(root)
    assert kept.is_file()
    assert [path.name for path in root.iterdir()] == ["MNIST"]


def test_verify_refuses_another_dataset_that_load_accepts(mnist_root: Path) -> None:
    problems = MNIST().verify(mnist_root)
    assert len(problems) == 4
    assert all("is not the published MNIST's: its MD5 sum is" in problem for problem in problems)
    MNIST().load(mnist_root)


def test_a_dataset_of_no_samples_is_named(mnist_root: Path) -> None:
    for path in (mnist_root / "MNIST" / "raw").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:4] + bytes(4) + content[8 : 16 if "images" in path.name else 8])
    with pytest.raises(DatasetError, match=r"train-images-idx3-ubyte has no images; expected at least one"):
        MNIST().load(mnist_root)


def test_verify_names_each_file_that_is_missing_truncated_or_changed(
    mnist_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(MNIST, "md5", write_mnist(tmp_path / "published"))
    assert MNIST().verify(mnist_root) == []
    images, labels, test_images, _ = (MNIST().folder(mnist_root) / name for ns in FILES.values() for name in ns)
    whole = images.read_bytes()
    images.write_bytes(whole[:999] + bytes([whole[999] ^ 1]) + whole[1000:])
    labels.unlink()
    test_images.write_bytes(test_images.read_bytes()[:-1])
    missing, changed, truncated = MNIST().verify(mnist_root)
    assert missing == f"{labels} is missing"
    assert changed.startswith(f"{images} is not the published MNIST's")
    assert truncated.startswith(f"{test_images} has 15,695 bytes, but its header promises 15,696")


def test_the_real_files_are_the_published_ones(real_root: Path) -> None:
    assert [get_dataset(name).verify(real_root) for name in ("mnist", "fashion_mnist")] == [[], []]


def test_without_files_and_network_every_way_to_get_the_data_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision_dataset("MNIST"), "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DatasetError) as caught:
        MNIST().load(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for way in ("internet", TRAIN_IMAGES, str(tmp_path / "MNIST" / "raw"), "--data-root", DATA_ROOT_VARIABLE):
        assert way in message


def test_a_data_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatasetError, match=str(tmp_path / "file")):
        MNIST().load(tmp_path / "file")
