"""MNIST, and whatever else is in its format: four IDX files, read by torchvision."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from benchmarks.datasets.dataset import Dataset, md5_of
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.datasets.sources.mnist_wheel import MNISTWheel
from benchmarks.datasets.sources.needed import torchvision_dataset
from benchmarks.datasets.sources.torchvision_download import TorchvisionDownload
from benchmarks.errors import DatasetError

MEAN, STD = (0.1307,), (0.3081,)
"""MNIST's; the authors' code normalises FashionMNIST with them, too."""

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_UNSIGNED_BYTE = 8


def check_idx(path: Path, *, dimensions: int) -> int:
    """Check that an IDX file of bytes is as long as its header says, and return its number of samples.

    Raises
    ------
    DatasetError
        If the file is truncated, too long, or no IDX file of bytes with that many dimensions.
    """
    size = path.stat().st_size
    header_size = 4 + 4 * dimensions
    with path.open("rb") as file:
        header = file.read(header_size)
    magic = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if len(header) < header_size or header[:4] != magic:
        raise DatasetError(
            f"{path} is no IDX file of {dimensions}-dimensional bytes: it starts with {header[:4].hex() or 'nothing'}, "
            f"expected {magic.hex()}; delete it and fetch it again"
        )
    shape = [int.from_bytes(header[4 + 4 * d : 8 + 4 * d], "big") for d in range(dimensions)]
    expected = header_size + prod(shape)
    if size != expected:
        raise DatasetError(
            f"{path} has {size:,} bytes, but its header promises {expected:,}; delete it and fetch it again"
        )
    return shape[0]


class IDXDataset(Dataset):
    """A dataset in MNIST's file format, in torchvision's folder layout.

    Attributes
    ----------
    torchvision_name : str
        Of torchvision's class that reads it, and of its folder.
    md5 : mapping
        MD5 sums of the published files, by name.
    """

    input_shape = (1, 28, 28)
    torchvision_name: ClassVar[str]
    md5: ClassVar[Mapping[str, str]]

    def folder(self, root: Path) -> Path:
        """Folder of the four files, ``<root>/<torchvision's class name>/raw``."""
        return root / self.torchvision_name / "raw"

    def missing(self, root: Path) -> list[Path]:
        """Those of the four files that are not there."""
        folder = self.folder(root)
        return [folder / name for names in FILES.values() for name in names if not (folder / name).is_file()]

    def verify(self, root: Path) -> list[str]:
        """Compare each of the four files with the published one, by its MD5 sum."""
        problems = super().verify(root)
        for path in (self.folder(root) / name for name in self.md5):
            if path.is_file():
                problems += self._problem(path)
        return problems

    def _problem(self, path: Path) -> list[str]:
        """What is wrong with a file: that it is damaged, or whole but another one."""
        try:
            check_idx(path, dimensions=3 if "idx3" in path.name else 1)
            md5 = md5_of(path)
        except (DatasetError, OSError) as error:
            return [str(error)]
        if md5 == self.md5[path.name]:
            return []
        return [
            f"{path} is not the published {self.title}'s: its MD5 sum is {md5}, expected {self.md5[path.name]}; "
            "it is damaged or of another dataset"
        ]

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read the four files, after getting those that are missing."""
        del parameters, time_steps
        source = self.prepare(root)
        return Data(self._split(root, "train"), self._split(root, "test"), source)

    def _split(self, root: Path, part: str) -> ImageSplit:
        images_file, labels_file = (self.folder(root) / name for name in FILES[part])
        samples, labels = check_idx(images_file, dimensions=3), check_idx(labels_file, dimensions=1)
        if samples != labels:
            counts = f"{images_file} has {samples:,} images, but {labels_file} {labels:,} labels"
            raise DatasetError(f"{counts}; fetch both again")
        if not samples:
            raise DatasetError(f"{images_file} has no images; expected at least one: fetch it and {labels_file} again")
        data = torchvision_dataset(self.torchvision_name)(root, train=part == "train")
        if tuple(data.data.shape[1:]) != self.input_shape[1:]:
            raise DatasetError(
                f"{images_file} has images of {tuple(data.data.shape[1:])} pixels, expected {self.input_shape[1:]}"
            )
        if not 0 <= int(data.targets.min()) <= int(data.targets.max()) < self.classes:
            raise DatasetError(f"{labels_file} has a label {int(data.targets.max())}, expected 0 to {self.classes - 1}")
        return ImageSplit(data.data.unsqueeze(1), data.targets, MEAN, STD)


class MNIST(IDXDataset):
    """70,000 handwritten digits of 28 x 28 pixels."""

    name = "mnist"
    title = "MNIST"
    torchvision_name = "MNIST"
    sources = (TorchvisionDownload("MNIST"), MNISTWheel())
    md5 = MappingProxyType(
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        }
    )
