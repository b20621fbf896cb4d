"""CIFAR-10: torchvision's batches, or an image folder; downloaded by torchvision if neither is there.

Looked for under the data root, and the first that is there is taken:

1. ``cifar-10-batches-py/``: the original files, in torchvision's layout
2. ``cifar10/``: an image folder, ``train/<class>/*`` and ``test/<class>/*``, PNG or JPEG
3. the data root itself, if it is such an image folder: ``train/`` has a folder with the name of a class
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torchvision import datasets as torchvision_datasets
from torchvision.datasets.utils import calculate_md5

from benchmarks.datasets.augmentation import crop_and_flip
from benchmarks.datasets.dataset import DATA_ROOT_VARIABLE, Data, Dataset, ImageSplit
from benchmarks.datasets.image_folder import FolderImages, read_image_folder
from benchmarks.errors import DatasetError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""In torchvision's order: the position is the label."""

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
"""Of the authors' code."""

LabelledImages: TypeAlias = tuple[Tensor, Tensor]
"""``[N, 3, 32, 32]``, uint8, and ``[N]``, int64."""

SIZES = 50_000, 10_000
"""Images for training and for testing of the published dataset."""


class CIFAR10(Dataset):
    """60,000 colour photographs of ten kinds of things; training images are cut and mirrored at random."""

    name = "cifar10"
    title = "CIFAR-10"
    input_shape = (3, 32, 32)
    torchvision_class = torchvision_datasets.CIFAR10

    def missing(self, root: Path) -> list[Path]:
        """Those of the batch files that are not there, unless there is an image folder instead."""
        if self._image_folder(root) is not None:
            return []
        return [path for path in self._batch_files(root) if not path.is_file()]

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read what is there, after torchvision has fetched the batches if nothing is."""
        del parameters, time_steps
        folder = self._image_folder(root)
        if folder is not None:
            return self._from_image_folder(folder)
        source = "torchvision's batches"
        if self.missing(root):
            self._download(root)
            source += ", downloaded"
        return self._from_batches(root, source)

    def _image_folder(self, root: Path) -> Path | None:
        if (root / self.torchvision_class.base_folder).is_dir():
            return None
        if (root / self.name).is_dir():
            return root / self.name
        return root if any((root / "train" / name).is_dir() for name in CLASSES) else None

    def _from_image_folder(self, folder: Path) -> Data:
        train, test = (read_image_folder(folder / part, CLASSES, self.input_shape) for part in ("train", "test"))
        return _data((train.images, train.labels), (test.images, test.labels), _describe(train, test))

    def _batch_files(self, root: Path) -> dict[Path, str]:
        """Every file of torchvision's layout with its known MD5 sum."""
        torchvision = self.torchvision_class
        meta = (torchvision.meta["filename"], torchvision.meta["md5"])
        files = [*torchvision.train_list, *torchvision.test_list, meta]
        return {root / torchvision.base_folder / name: md5 for name, md5 in files}

    def _from_batches(self, root: Path, source: str) -> Data:
        # These files are pickles, which can run code: nothing is read from one that is not the known file. torchvision
        # checks the sums, too, but does not say which file is wrong.
        for path, expected in self._batch_files(root).items():
            found = calculate_md5(path)
            if found != expected:
                raise DatasetError(
                    f"{path} has the MD5 sum {found}, expected {expected}; delete it and run again to fetch it"
                )
        return _data(self._batches(root, train=True), self._batches(root, train=False), source)

    def _batches(self, root: Path, *, train: bool) -> LabelledImages:
        batches = self.torchvision_class(root, train=train)
        # torchvision shows the images as [N, H, W, C]; in memory their bytes are in our order.
        return torch.from_numpy(batches.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(batches.targets)

    def _download(self, root: Path) -> None:
        """Fetch into a temporary folder and move the result, so that a half file is never taken for a whole one."""
        folder = root / self.torchvision_class.base_folder
        try:
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as scratch:
                self.torchvision_class(scratch, download=True)
                folder.mkdir(exist_ok=True)
                for path in self._batch_files(Path(scratch)):
                    shutil.move(path, folder / path.name)
        except (OSError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise DatasetError(
                f"{self.name} is not under {root} and could not be downloaded ({reason}). Ways to get it: connect to "
                f"the internet and run again; put torchvision's {folder.name} there; put PNG or JPEG images into "
                f"{root / self.name}, train/<class> and test/<class>, with the classes {', '.join(CLASSES)}; or name "
                f"a folder that has one of these by --data-root or ${DATA_ROOT_VARIABLE}"
            ) from error


def _data(train: LabelledImages, test: LabelledImages, source: str) -> Data:
    return Data(ImageSplit(*train, MEAN, STD, augment=crop_and_flip), ImageSplit(*test, MEAN, STD), source)


def _describe(train: FolderImages, test: FolderImages) -> str:
    """Say what an image folder is, so that a report cannot take a copy for the original."""
    formats = " and ".join(sorted(train.formats | test.formats))
    sizes = len(train.images), len(test.images)
    text = f"image folder of {_sizes(sizes)} {formats} files"
    if "JPEG" in formats:
        text = f"JPEG copy: {text} (not the original pixels)"
    else:
        text += " (not compared with the original pixels)"
    return text if sizes == SIZES else f"{text}; the published dataset has {_sizes(SIZES)}"


def _sizes(sizes: tuple[int, int]) -> str:
    return " + ".join(f"{size:,}" for size in sizes)
