"""CIFAR-10: an image folder and torchvision's batches, whole and damaged, and the download."""

import functools
import hashlib
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets as torchvision_datasets

from benchmarks.datasets.cifar10 import BATCHES, CIFAR10, CLASSES, MEAN, STD
from benchmarks.datasets.dataset import data_root
from benchmarks.datasets.samples.split import Split, first
from benchmarks.defaults import DATA_ROOT_VARIABLE
from benchmarks.errors import DatasetError
from tests.benchmarks.test_datasets import check_contract

TORCHVISION = torchvision_datasets.CIFAR10
assert TORCHVISION.base_folder == BATCHES
BATCHES = TORCHVISION.base_folder
BATCH_SIZE = 20


class Marker:
    """When unpickled, makes a folder: what no file of unknown content may do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.mkdir, (self.folder,)  # type: ignore[return-value]


def pixels(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8)


def encoded(image: np.ndarray, kind: str) -> bytes:
    target = io.BytesIO()
    Image.fromarray(image).save(target, kind)
    return target.getvalue()


def write_tree(folder: Path, *, kind: str = "PNG", train: int = 4, test: int = 2) -> None:
    """Write noise: image k of class c is pixels number 10 k + c of its part."""
    for part, samples in (("train", train), ("test", test)):
        images = pixels(10 * samples, seed=len(part))
        for label, name in enumerate(CLASSES):
            (folder / part / name).mkdir(parents=True)
            for k in range(samples):
                path = folder / part / name / f"{k:04}.{kind.lower()}"
                path.write_bytes(encoded(images[10 * k + label], kind))


def write_batches(folder: Path) -> dict[str, str]:
    """Write the seven files with few images each, and return their MD5 sums."""
    folder.mkdir(parents=True)
    names = [name for name, _ in (*TORCHVISION.train_list, *TORCHVISION.test_list)]
    contents: dict[str, object] = {TORCHVISION.meta["filename"]: {TORCHVISION.meta["key"]: list(CLASSES)}}
    for number, name in enumerate(names):
        data = pixels(BATCH_SIZE, seed=number).transpose(0, 3, 1, 2).reshape(BATCH_SIZE, -1)
        contents[name] = {"data": data, "labels": [(number + k) % 10 for k in range(BATCH_SIZE)]}
    sums = {}
    for name, content in contents.items():
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    return sums


def know(monkeypatch: pytest.MonkeyPatch, sums: dict[str, str]) -> None:
    """Let torchvision take made-up files for the published ones."""
    for attribute in ("train_list", "test_list"):
        known = [[name, sums[name]] for name, _ in getattr(TORCHVISION, attribute)]
        monkeypatch.setattr(TORCHVISION, attribute, known)
    monkeypatch.setattr(TORCHVISION, "meta", {**TORCHVISION.meta, "md5": sums[TORCHVISION.meta["filename"]]})


def known_sums() -> dict[str, str]:
    return {
        **dict(TORCHVISION.train_list + TORCHVISION.test_list),
        TORCHVISION.meta["filename"]: TORCHVISION.meta["md5"],
    }


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A data root with a small image folder."""
    write_tree(tmp_path / "cifar10")
    return tmp_path


@pytest.fixture
def batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with small stand-ins for torchvision's batches."""
    know(monkeypatch, write_batches(tmp_path / BATCHES))
    return tmp_path


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        CIFAR10().load(root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_image_folder_keeps_the_contract(tree: Path) -> None:
    assert CIFAR10().missing(tree) == []
    check_contract(CIFAR10(), tree)


def test_torchvisions_batches_keep_the_contract(batches: Path) -> None:
    assert CIFAR10().missing(batches) == []
    check_contract(CIFAR10(), batches)


def test_images_come_with_the_label_of_their_folder_in_torchvisions_order(tree: Path) -> None:
    data = CIFAR10().load(tree)
    raw = torch.from_numpy(pixels(40, seed=len("train"))).movedim(-1, 1)
    inputs, labels = data.train.batch(torch.arange(40))
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    torch.testing.assert_close(inputs, (raw / 255 - mean) / std)
    assert labels.tolist() == [*range(10)] * 4
    assert tuple(sorted(CLASSES)) == CLASSES


def test_the_first_samples_of_an_image_folder_are_of_all_classes(tree: Path) -> None:
    _, labels = first(CIFAR10().load(tree).train, 20).batch(torch.arange(20))
    assert labels.bincount().tolist() == [2] * 10


def test_the_batches_come_one_after_the_other_with_their_pixels_and_labels(batches: Path) -> None:
    data = CIFAR10().load(batches)
    raw = np.concatenate([pixels(BATCH_SIZE, seed=number) for number in range(5)])
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    inputs, labels = data.train.batch(torch.arange(100))
    torch.testing.assert_close(inputs, (torch.from_numpy(raw).movedim(-1, 1) / 255 - mean) / std)
    assert labels[18:23].tolist() == [8, 9, 1, 2, 3]
    assert (len(data.train), len(data.test)) == (100, 20)


def test_only_training_images_are_changed_at_random(tree: Path) -> None:
    data, indices = CIFAR10().load(tree), torch.arange(10)

    def drawn(split_name: str, seed: int) -> torch.Tensor:
        split: Split = getattr(data, split_name)
        return split.batch(indices, split.draw(len(indices), torch.Generator().manual_seed(seed)))[0]

    assert not torch.equal(drawn("train", 0), drawn("train", 1))
    assert torch.equal(drawn("train", 0), drawn("train", 0))
    assert torch.equal(drawn("test", 0), data.test.batch(indices)[0])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "JPEG",
            "JPEG copy: image folder of 40 + 20 JPEG files (not the original pixels); "
            "the published dataset has 50,000 + 10,000",
        ),
        (
            "PNG",
            "image folder of 40 + 20 PNG files (not compared with the original pixels); "
            "the published dataset has 50,000 + 10,000",
        ),
    ],
)
def test_the_source_says_what_an_image_folder_is(tmp_path: Path, kind: str, expected: str) -> None:
    write_tree(tmp_path / "cifar10", kind=kind)
    assert CIFAR10().load(tmp_path).source == expected


def test_the_source_goes_by_the_content_and_not_by_the_name_of_a_file(tree: Path) -> None:
    path = tree / "cifar10" / "test" / "dog" / "0001.png"
    path.write_bytes(encoded(pixels(1)[0], "JPEG"))
    assert CIFAR10().load(tree).source.startswith("JPEG copy: image folder of 40 + 20 JPEG and PNG files")


def test_the_data_root_itself_can_be_the_image_folder(tmp_path: Path) -> None:
    write_tree(tmp_path)
    assert CIFAR10().missing(tmp_path) == []
    assert len(CIFAR10().load(tmp_path).train) == 40


def test_torchvisions_batches_come_before_an_image_folder(batches: Path) -> None:
    write_tree(batches / "cifar10")
    assert CIFAR10().load(batches).source == "torchvision's batches"


def test_hidden_files_are_left_out(tree: Path) -> None:
    (tree / "cifar10" / "train" / ".cache").mkdir()
    (tree / "cifar10" / "train" / "cat" / ".directory").write_text("view")
    assert len(CIFAR10().load(tree).train) == 40


PNG = encoded(pixels(1)[0], "PNG")
JPEG = encoded(pixels(1)[0], "JPEG")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is no PNG or JPEG file; replace it"),
        (b"<html>404</html>", "is no PNG or JPEG file; replace it"),
        (encoded(pixels(1)[0], "GIF"), "is no PNG or JPEG file; replace it"),
        (JPEG[: len(JPEG) // 2], "cannot be read (image file is truncated ("),
        (JPEG[:-40], "cannot be read (image file is truncated ("),
        (PNG[: len(PNG) // 2], "cannot be read ("),
        (PNG[:60] + b"#" + PNG[61:], "cannot be read ("),
        (encoded(pixels(1)[0, :28], "PNG"), "is an image of 32 x 28 pixels and mode RGB; expected 32 x 32 and RGB"),
        (encoded(pixels(1)[0, :, :, 0], "JPEG"), "is an image of 32 x 32 pixels and mode L; expected 32 x 32 and RGB"),
    ],
)
def test_a_damaged_image_is_refused_by_name(tree: Path, content: bytes, expected: str) -> None:
    path = tree / "cifar10" / "test" / "frog" / "0001.png"
    path.write_bytes(content)
    assert f"{path} {expected}" in refusal(tree)


def test_a_file_that_is_no_image_is_refused_by_name(tree: Path) -> None:
    path = tree / "cifar10" / "train" / "ship" / "labels.csv"
    path.write_text("1,2")
    assert refusal(tree) == f"{path} is no image; expected only .png, .jpg, .jpeg files: move it away"


def test_a_link_to_nothing_is_refused_by_name(tree: Path) -> None:
    path = tree / "cifar10" / "train" / "ship" / "0000.png"
    path.unlink()
    path.symlink_to(tree / "gone.png")
    assert f"{path} cannot be read ([Errno 2] No such file or directory" in refusal(tree)


def test_missing_unknown_and_unbalanced_classes_are_refused_by_name(tree: Path) -> None:
    train = tree / "cifar10" / "train"
    (train / "cat" / "0000.png").unlink()
    assert f"{train} has images by class: airplane 4, automobile 4, bird 4, cat 3, deer 4" in refusal(tree)
    (train / "dog").rename(train / "kitten")
    assert f"{train} has no folder 'dog'; expected one for each of airplane, automobile" in refusal(tree)
    (train / "dog").mkdir()
    assert f"{train} has the folder 'kitten'; expected none but airplane" in refusal(tree)


def test_empty_classes_and_a_missing_part_are_refused_by_name(tree: Path) -> None:
    test = tree / "cifar10" / "test"
    for path in test.glob("*/*"):
        path.unlink()
    assert f"{test} has images by class: airplane 0, automobile 0" in refusal(tree)
    test.rename(tree / "cifar10" / "validation")
    assert f"{test} is no folder; expected one that holds a folder for each of airplane" in refusal(tree)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_nothing_is_unpickled_if_a_batch_file_is_not_the_known_one(batches: Path, name: str) -> None:
    path, made = batches / BATCHES / name, batches / "made-by-pickle"
    path.write_bytes(pickle.dumps(Marker(made)))
    found, expected = (hashlib.md5(path.read_bytes()).hexdigest(), known_sums()[name])
    message = refusal(batches)
    assert message == f"{path} has the MD5 sum {found}, expected {expected}; delete it and run again to fetch it"
    assert not made.exists()


@pytest.mark.parametrize("train", [True, False])
def test_torchvision_itself_checks_the_batches_before_it_unpickles_them(batches: Path, train: bool) -> None:
    made = batches / "made-by-pickle"
    for name in ("data_batch_1", "test_batch"):
        (batches / BATCHES / name).write_bytes(pickle.dumps(Marker(made)))
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        TORCHVISION(batches, train=train)
    assert not made.exists()
    pickle.loads((batches / BATCHES / "test_batch").read_bytes())
    assert made.exists(), "else the marker would show nothing"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive on a web server on this machine in place of the published one."""
    folder = tmp_path / "server"
    know(monkeypatch, write_batches(folder / BATCHES))
    path = folder / TORCHVISION.filename
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder / BATCHES, BATCHES)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(TORCHVISION, "url", f"http://127.0.0.1:{server.server_port}/{path.name}")
        monkeypatch.setattr(TORCHVISION, "tgz_md5", hashlib.md5(path.read_bytes()).hexdigest())
        yield path
        server.shutdown()


def test_missing_batches_are_downloaded_by_torchvision(archive: Path, tmp_path: Path) -> None:
    del archive
    root = tmp_path / "fresh" / "root"
    assert next(path.name for path in CIFAR10().missing(root)) == "data_batch_1"
    assert CIFAR10().load(root).source == "torchvision's batches"
    assert [path.name for path in root.iterdir()] == [BATCHES], "scratch folder and archive are gone"
    assert CIFAR10().missing(root) == []
    assert CIFAR10().verify(root) == []
    (root / BATCHES / "data_batch_2").unlink()
    assert CIFAR10().missing(root) == [root / BATCHES / "data_batch_2"]
    assert CIFAR10().verify(root) == [f"{root / BATCHES / 'data_batch_2'} is missing"]
    assert len(CIFAR10().load(root).train) == 100


def test_a_download_with_a_wrong_checksum_leaves_nothing_behind(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(b"another file")
    root = tmp_path / "root"
    assert f"cifar10 is not under {root} and could not be fetched" in refusal(root)
    assert len(CIFAR10().missing(root)) == 7


def test_without_files_and_network_every_way_to_get_the_data_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TORCHVISION, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    message = refusal(tmp_path)
    for way in ("internet", BATCHES, "cifar10/train/<class>", *CLASSES, "--data-root", DATA_ROOT_VARIABLE):
        assert way in message


def test_a_data_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert str(tmp_path / "file") in refusal(tmp_path / "file")


def test_verifying_names_each_batch_file_that_is_not_the_known_one(batches: Path) -> None:
    assert CIFAR10().verify(batches) == []
    for name in ("data_batch_5", "batches.meta"):
        (batches / BATCHES / name).write_bytes(b"another")
    problems = CIFAR10().verify(batches)
    assert [problem.partition(" has the MD5 sum")[0] for problem in problems] == [
        str(batches / BATCHES / name) for name in ("data_batch_5", "batches.meta")
    ]


def test_verifying_an_image_folder_names_what_is_damaged_or_missing(tree: Path) -> None:
    assert CIFAR10().verify(tree) == [f"{tree / 'cifar10'} has 40 + 20 images, expected 50,000 + 10,000"]
    path = tree / "cifar10" / "train" / "deer" / "0002.png"
    path.write_bytes(PNG[:70])
    (problem,) = CIFAR10().verify(tree)
    assert str(path) in problem


def test_the_real_images_are_as_many_as_published_and_balanced() -> None:
    if CIFAR10().missing(data_root()):
        pytest.skip(f"needs CIFAR-10; set {DATA_ROOT_VARIABLE}")
    data = CIFAR10().load(data_root())
    for split, size in ((data.train, 50_000), (data.test, 10_000)):
        counts = torch.zeros(10, dtype=torch.int64)
        for indices in torch.arange(len(split)).split(5000):
            counts += split.batch(indices)[1].bincount()
        assert counts.tolist() == [size // 10] * 10
    assert "the published dataset has" not in data.source
