"""What tests of several packages share."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.datasets.dataset import data_root, get_dataset
from benchmarks.datasets.mnist import FILES
from tssl_core.kernels import native, scan


def idx_bytes(array: np.ndarray) -> bytes:
    """Write an array of bytes as an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(folder: Path, *, train: int = 40, test: int = 20, compress: bool = False) -> dict[str, str]:
    """Write a small stand-in for MNIST's four files and return the MD5 sum of each."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    sums = {}
    for part, samples in (("train", train), ("test", test)):
        arrays = (draw.integers(0, 256, (samples, 28, 28)), np.arange(samples) % 10)
        for name, array in zip(FILES[part], arrays, strict=True):
            content = idx_bytes(array)
            if compress:
                name, content = f"{name}.gz", gzip.compress(content)
            (folder / name).write_bytes(content)
            sums[name] = hashlib.md5(content).hexdigest()
    return sums


@pytest.fixture
def mnist_root(tmp_path: Path) -> Path:
    """A data root with a small stand-in for MNIST."""
    write_mnist(tmp_path / "data" / "MNIST" / "raw")
    return tmp_path / "data"


@pytest.fixture
def real_root() -> Path:
    """The data root, if it has the real MNIST and FashionMNIST."""
    root = data_root()
    missing = [path for name in ("mnist", "fashion_mnist") for path in get_dataset(name).missing(root)]
    if missing:
        pytest.skip(f"needs the real MNIST and FashionMNIST: {missing[0]} is not there; set TSSL_DATA_ROOT")
    return root


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store: making one takes seconds, copying it nothing."""
    from benchmarks.tracking import Mirror

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    Mirror(f"sqlite:///{path}").connection.client()
    return path


@pytest.fixture
def store(store_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Tracking URI of an empty store in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(store_template.read_bytes())
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def poisoned_memory() -> Iterator[None]:
    """Fill what torch.empty returns with NaN, so that what a kernel leaves out shows."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def fresh_caches() -> Iterator[None]:
    """Behave like a process that has not loaded the library, nor warned, yet."""
    caches = (native._found, scan._warn_slow)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
