"""CIFAR-10: torchvision's batches, or an image folder; downloaded by torchvision if neither is there.

Looked for under the data root, and the first that is there is taken:

1. ``cifar-10-batches-py/``: the original files, in torchvision's layout
2. ``cifar10/``: an image folder, ``train/<class>/*`` and ``test/<class>/*``, PNG or JPEG
3. the data root itself, if it is such an image folder: ``train/`` has a folder with the name of a class
"""

from pathlib import Path
from typing import Any, TypeAlias
from urllib.error import URLError

import torch
from torch import Tensor

from benchmarks.datasets.dataset import Dataset, md5_of
from benchmarks.datasets.images.augmentation import CROP_AND_FLIP
from benchmarks.datasets.images.folder import FolderImages, read_image_folder
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.datasets.sources.needed import torchvision_dataset
from benchmarks.datasets.sources.source import Source
from benchmarks.errors import DatasetError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""In torchvision's order: the position is the label."""

BATCHES = "cifar-10-batches-py"
"""Folder of the original files."""

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
"""Of the authors' code."""

LabelledImages: TypeAlias = tuple[Tensor, Tensor]
"""``[N, 3, 32, 32]``, uint8, and ``[N]``, int64."""

SIZES = 50_000, 10_000
"""Images for training and for testing of the published dataset."""


class Archive(Source):
    """The published archive, downloaded, checked and unpacked by torchvision."""

    name = "torchvision"
    title = "torchvision's batches"

    def fetch(self, folder: Path, root: Path) -> None:
        """Download the archive if it is not there from an earlier call, and unpack it."""
        del root
        try:
            torchvision_dataset("CIFAR10")(folder, download=True)
        except (URLError, RuntimeError) as error:
            hint = f"images in {CIFAR10.name}/train/<class> and {CIFAR10.name}/test/<class> would do, PNG or JPEG"
            raise DatasetError(f"{error}; {hint}, with the classes {', '.join(CLASSES)}") from error


class CIFAR10(Dataset):
    """60,000 colour photographs of ten kinds of things; training images are cut and mirrored at random."""

    name = "cifar10"
    title = "CIFAR-10"
    input_shape = (3, 32, 32)
    sources = (Archive(),)

    def missing(self, root: Path) -> list[Path]:
        """Those of the batch files that are not there, unless there is an image folder instead."""
        if self._image_folder(root) is not None:
            return []
        return [path for path in _batch_files(root) if not path.is_file()]

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read what is there, after torchvision has fetched the batches if nothing is."""
        del parameters, time_steps
        folder = self._image_folder(root)
        if folder is not None:
            return self._from_image_folder(folder)
        if self.missing(root):
            self.prepare(root)
        return self._from_batches(root)

    def verify(self, root: Path) -> list[str]:
        """Check the batches by their published MD5 sums; of an image folder, that every file is sound, and how many."""
        folder = self._image_folder(root)
        if folder is None:
            texts = (_wrong_sum(path, known) for path, known in _batch_files(root).items())
            return [text for text in texts if text]
        try:
            data = self._from_image_folder(folder)
        except DatasetError as error:
            return [str(error)]
        sizes = len(data.train), len(data.test)
        return [] if sizes == SIZES else [f"{folder} has {_sizes(sizes)} images, expected {_sizes(SIZES)}"]

    def _image_folder(self, root: Path) -> Path | None:
        if (root / BATCHES).is_dir():
            return None
        if (root / self.name).is_dir():
            return root / self.name
        return root if any((root / "train" / name).is_dir() for name in CLASSES) else None

    def _from_image_folder(self, folder: Path) -> Data:
        train, test = (read_image_folder(folder / part, CLASSES, self.input_shape) for part in ("train", "test"))
        return _data((train.images, train.labels), (test.images, test.labels), _describe(train, test))

    def _from_batches(self, root: Path) -> Data:
        # These files are pickles, which can run code: nothing is read from one that is not the known file. torchvision
        # checks the sums, too, but does not say which file is wrong.
        for path, known in _batch_files(root).items():
            if text := _wrong_sum(path, known):
                raise DatasetError(f"{text}; delete it and run again to fetch it")
        return _data(_read_batches(root, train=True), _read_batches(root, train=False), Archive.title)


def _batch_files(root: Path) -> dict[Path, str]:
    """Every file of torchvision's layout with its known MD5 sum."""
    known = torchvision_dataset("CIFAR10")
    files = [*known.train_list, *known.test_list, (known.meta["filename"], known.meta["md5"])]
    return {root / known.base_folder / name: md5 for name, md5 in files}


def _wrong_sum(path: Path, known: str) -> str | None:
    """Say what is wrong with a file, None if its MD5 sum is the known one."""
    if not path.is_file():
        return f"{path} is missing"
    found = md5_of(path)
    return None if found == known else f"{path} has the MD5 sum {found}, expected {known}"


def _read_batches(root: Path, *, train: bool) -> LabelledImages:
    batches = torchvision_dataset("CIFAR10")(root, train=train)
    # torchvision shows the images as [N, H, W, C]; in memory their bytes are in our order.
    return torch.from_numpy(batches.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(batches.targets)


def _data(train: LabelledImages, test: LabelledImages, source: str) -> Data:
    return Data(ImageSplit(*train, MEAN, STD, augment=CROP_AND_FLIP), ImageSplit(*test, MEAN, STD), source)


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
