"""MNIST and FashionMNIST: four IDX files each, read and downloaded by torchvision."""

import shutil
import tempfile
from math import prod
from pathlib import Path
from typing import Any, ClassVar

from torchvision import datasets as torchvision_datasets

from benchmarks.datasets.dataset import DATA_ROOT_VARIABLE, Data, Dataset, ImageSplit
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
    """A dataset in MNIST's file format, in torchvision's folder layout."""

    input_shape = (1, 28, 28)
    torchvision_class: ClassVar[type[torchvision_datasets.MNIST]]

    def folder(self, root: Path) -> Path:
        """Folder of the four files, ``<root>/<torchvision's class name>/raw``."""
        return root / self.torchvision_class.__name__ / "raw"

    def missing(self, root: Path) -> list[Path]:
        """Those of the four files that are not there."""
        folder = self.folder(root)
        return [folder / name for names in FILES.values() for name in names if not (folder / name).is_file()]

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read the four files, after torchvision has fetched them if one is missing."""
        del parameters, time_steps
        source = "files under the data root"
        if self.missing(root):
            self._download(root)
            source = "torchvision download"
        return Data(self._split(root, "train"), self._split(root, "test"), source)

    def _split(self, root: Path, part: str) -> ImageSplit:
        images_file, labels_file = (self.folder(root) / name for name in FILES[part])
        samples, labels = check_idx(images_file, dimensions=3), check_idx(labels_file, dimensions=1)
        if samples != labels:
            counts = f"{images_file} has {samples:,} images, but {labels_file} {labels:,} labels"
            raise DatasetError(f"{counts}; fetch both again")
        data = self.torchvision_class(root, train=part == "train")
        if tuple(data.data.shape[1:]) != self.input_shape[1:]:
            raise DatasetError(
                f"{images_file} has images of {tuple(data.data.shape[1:])} pixels, expected {self.input_shape[1:]}"
            )
        if not 0 <= int(data.targets.min()) <= int(data.targets.max()) < self.classes:
            raise DatasetError(f"{labels_file} has a label {int(data.targets.max())}, expected 0 to {self.classes - 1}")
        return ImageSplit(data.data.unsqueeze(1), data.targets, MEAN, STD)

    def _download(self, root: Path) -> None:
        """Fetch into a temporary folder and move the result, so that a half file is never taken for a whole one."""
        folder = self.folder(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as scratch:
                self.torchvision_class(scratch, download=True)
                folder.mkdir(parents=True, exist_ok=True)
                for names in FILES.values():
                    for name in names:
                        shutil.move(self.folder(Path(scratch)) / name, folder / name)
        except (OSError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise DatasetError(
                f"{self.name} is not under {folder} and could not be downloaded ({reason}). Ways to get it: "
                f"connect to the internet and run again; put {', '.join(n for ns in FILES.values() for n in ns)} "
                f"into {folder}; or name a folder that has {self.torchvision_class.__name__}/raw by --data-root or "
                f"${DATA_ROOT_VARIABLE}"
            ) from error


class MNIST(IDXDataset):
    """70,000 handwritten digits of 28 x 28 pixels."""

    name = "mnist"
    title = "MNIST"
    torchvision_class = torchvision_datasets.MNIST


class FashionMNIST(IDXDataset):
    """70,000 pictures of clothing of 28 x 28 pixels."""

    name = "fashion_mnist"
    title = "FashionMNIST"
    torchvision_class = torchvision_datasets.FashionMNIST
