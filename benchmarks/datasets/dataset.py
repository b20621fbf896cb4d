"""The contract of a dataset, and how datasets are found: one file in this package, one dataset or family."""

import hashlib
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import torch
from torch import Tensor

import benchmarks.datasets
from baselines.discovery import discover
from benchmarks.errors import ConfigError
from tssl_core.architecture import InputShape

DATA_ROOT_VARIABLE = "TSSL_DATA_ROOT"


class Split(Protocol):
    """Training or test part of a dataset."""

    def __len__(self) -> int:
        """Number of samples."""

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels ``[B]`` of the samples at `indices`; images ``[B, C, H, W]``, ready for a network."""

    def take(self, samples: int) -> "Split":
        """The first `samples` samples, or all if there are fewer."""

    def drop(self, samples: int) -> "Split":
        """All but the first `samples` samples."""

    def checksum(self) -> str:
        """SHA-256 of the content, before normalisation."""

    def to(self, device: torch.device) -> "Split":
        """The same split on another device, to which its batches come, too."""


@dataclass(frozen=True)
class ImageSplit:
    """Images held in memory as bytes, normalised batch by batch.

    Parameters
    ----------
    images : Tensor
        ``[N, C, H, W]``, uint8.
    labels : Tensor
        ``[N]``, int64.
    mean, std : float
        Of the pixels, in units of `white`.
    white : int
        The value of a white pixel.
    """

    images: Tensor
    labels: Tensor
    mean: float
    std: float
    white: int = 255

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return normalised images ``[B, C, H, W]``, float32, and labels ``[B]``."""
        indices = indices.to(self.images.device)
        images = self.images[indices].float().div_(self.white).sub_(self.mean).div_(self.std)
        return images, self.labels[indices]

    def take(self, samples: int) -> "ImageSplit":
        """Return the first `samples` samples, or all if there are fewer."""
        return ImageSplit(self.images[:samples], self.labels[:samples], self.mean, self.std, self.white)

    def drop(self, samples: int) -> "ImageSplit":
        """Return all but the first `samples` samples."""
        return ImageSplit(self.images[samples:], self.labels[samples:], self.mean, self.std, self.white)

    def checksum(self) -> str:
        """Return the SHA-256 of images and labels."""
        digest = hashlib.sha256(self.images.cpu().numpy().tobytes())
        digest.update(self.labels.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "ImageSplit":
        """Return the same split on another device."""
        return ImageSplit(self.images.to(device), self.labels.to(device), self.mean, self.std, self.white)


@dataclass(frozen=True)
class Data:
    """A loaded dataset.

    Parameters
    ----------
    train, test : Split
        The two parts.
    source : str
        Where it came from, in words; logged with every run.
    """

    train: Split
    test: Split
    source: str

    def checksum(self) -> str:
        """SHA-256 over both parts."""
        return hashlib.sha256((self.train.checksum() + self.test.checksum()).encode()).hexdigest()


class Dataset(ABC):
    """One dataset.

    Attributes
    ----------
    name : str
        What configurations call it.
    title : str
        What tables and plots call it.
    input_shape : (int, int, int)
        Channels, height, width.
    classes : int
        Number of classes.
    events : bool
        Whether samples are spike trains and not images.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    input_shape: ClassVar[InputShape]
    classes: ClassVar[int] = 10
    events: ClassVar[bool] = False

    @abstractmethod
    def missing(self, root: Path) -> list[Path]:
        """Files that `load` needs and that are not there; empty when it needs no download."""

    @abstractmethod
    def load(self, root: Path) -> Data:
        """Read the dataset from under `root`, fetching it first if files are missing.

        Raises
        ------
        DatasetError
            If files are corrupt, or missing and not to be had; says how to get them.
        """


def data_root(option: str | None = None) -> Path:
    """Folder that holds the datasets: `option`, else ``$TSSL_DATA_ROOT``, else a cache folder of the user's."""
    chosen = option or os.environ.get(DATA_ROOT_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tssl-bp-suite"


def available_datasets() -> dict[str, Dataset]:
    """Every dataset in this package, by name."""
    return discover(benchmarks.datasets, Dataset)  # type: ignore[type-abstract]


def get_dataset(name: str) -> Dataset:
    """Return the dataset called `name`.

    Raises
    ------
    ConfigError
        If there is no such dataset; the message lists those that there are.
    """
    datasets = available_datasets()
    if name not in datasets:
        raise ConfigError(f"unknown dataset {name!r}; expected one of {', '.join(datasets)}")
    return datasets[name]
