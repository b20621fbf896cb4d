"""The contract of a dataset, and how datasets are found: one file in this package, one dataset or family."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

import benchmarks.datasets
from baselines.discovery import discover
from benchmarks.datasets.augmentation import Augmentation
from benchmarks.datasets.sources import DATA_ROOT_VARIABLE as DATA_ROOT_VARIABLE
from benchmarks.datasets.sources import Source, prepare
from benchmarks.errors import ConfigError
from tssl_core.architecture import InputShape


class Split(Protocol):
    """Training or test part of a dataset."""

    def __len__(self) -> int:
        """Number of samples."""

    @property
    def on_device(self) -> bool:
        """Whether its device alone makes a batch, the same way for all indices, so that a CUDA graph can hold it."""

    def draw(self, samples: int, draw: torch.Generator) -> Tensor | None:
        """What decides on random changes of so many training samples, from a generator on the CPU.

        ``[..., samples]``, int64, on the CPU; a split that knows no changes draws nothing and returns None.
        """

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inputs and labels, or target spike trains, of some samples, ready for a network.

        Parameters
        ----------
        indices : Tensor
            Positions of the samples, ``[B]``, int64, on any device.
        changes : Tensor, optional
            What `draw` returned for so many samples, on any device; without it nothing is changed.

        Returns
        -------
        inputs, labels : Tensor
            Images ``[B, C, H, W]`` or spike trains ``[T, B, C, H, W]``, float32, and classes ``[B]``, int64, or, of
            datasets for the task "sequences", the spike trains that are wanted, ``[T, B, neurons]``, float32.
        """

    def checksum(self) -> str:
        """SHA-256 of the content, before normalisation."""

    def to(self, device: torch.device) -> "Split":
        """The same split with its batches on another device."""


def indices_of(split: Split, device: torch.device) -> Tensor:
    """Positions of all samples in order, where the split wants them: copied there batch by batch, a GPU would wait."""
    return torch.arange(len(split), device=device if split.on_device else None)


@dataclass(frozen=True)
class Subset:
    """Some samples of a split.

    Parameters
    ----------
    whole : Split
        Where they are taken from; nothing is copied.
    indices : Tensor
        Which, and in which order; ``[N]``, int64.
    """

    whole: Split
    indices: Tensor

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def on_device(self) -> bool:
        """As of the whole."""
        return self.whole.on_device

    def draw(self, samples: int, draw: torch.Generator) -> Tensor | None:
        """Draw what the whole does."""
        return self.whole.draw(samples, draw)

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return inputs and labels, see `Split.batch`."""
        return self.whole.batch(self.indices[indices.to(self.indices.device)], changes)

    def checksum(self) -> str:
        """Return the SHA-256 of the whole and of which samples these are."""
        digest = hashlib.sha256(self.whole.checksum().encode())
        digest.update(self.indices.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "Subset":
        """Return the same samples with their batches on another device."""
        whole = self.whole.to(device)
        return Subset(whole, self.indices.to(device) if whole.on_device else self.indices)


def first(split: Split, samples: int | None) -> Split:
    """Return the first `samples` samples, or all if there are no more or if it is None."""
    if samples is None or samples >= len(split):
        return split
    return Subset(split, torch.arange(samples))


def hold_out(split: Split, samples: int, draw: torch.Generator) -> tuple[Split, Split]:
    """Part a split at random.

    Parameters
    ----------
    split : Split
        Usually a training set.
    samples : int
        How many are held out.
    draw : Generator
        Decides which; equal seeds hold out equal samples.

    Returns
    -------
    kept, held_out : Split
        Both in the order of the whole.

    Raises
    ------
    ConfigError
        If nothing would be kept.
    """
    if samples >= len(split):
        raise ConfigError(f"held_out is {samples}; expected fewer than the {len(split)} training samples")
    shuffled = torch.randperm(len(split), generator=draw)
    held_out, kept = shuffled[:samples].sort().values, shuffled[samples:].sort().values
    return Subset(split, kept), Subset(split, held_out)


@dataclass(frozen=True)
class ImageSplit:
    """Images held in memory as bytes, changed at random and normalised batch by batch on their device.

    Parameters
    ----------
    images : Tensor
        ``[N, C, H, W]``, uint8.
    labels : Tensor
        ``[N]``, int64.
    mean, std : tuple of float
        Of the pixels of each channel, in units of `white`.
    white : int
        The value of a white pixel.
    augment : Augmentation, optional
        Of the bytes, for training.
    """

    images: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    white: int = 255
    augment: Augmentation | None = None
    on_device = True

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, samples: int, draw: torch.Generator) -> Tensor | None:
        """Draw what its augmentation needs."""
        return None if self.augment is None else self.augment.draw(samples, draw)

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return normalised images ``[B, C, H, W]``, float32, and labels ``[B]``."""
        # From memory that is not pinned, the copy waits nonetheless.
        indices = indices.to(self.images.device, non_blocking=True)
        images = self.images[indices]
        if self.augment is not None and changes is not None:
            images = self.augment.change(images, changes.to(images.device, non_blocking=True))
        mean, std = self._mean_and_std
        return images.float().div_(self.white).sub_(mean).div_(std), self.labels[indices]

    @cached_property
    def _mean_and_std(self) -> tuple[Tensor, Tensor]:
        """Of each channel, on the device: copied there for every batch, they would make a GPU wait."""
        mean, std = (torch.tensor(values, device=self.images.device)[:, None, None] for values in (self.mean, self.std))
        return mean, std

    def checksum(self) -> str:
        """Return the SHA-256 of images and labels."""
        digest = hashlib.sha256(self.images.cpu().numpy().tobytes())
        digest.update(self.labels.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "ImageSplit":
        """Return the same split on another device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class Data:
    """A loaded dataset.

    Parameters
    ----------
    train, test : Split
        The two parts.
    source : str
        Where it came from, in words; logged with every run.
    held_out : Split, optional
        Part of the training set that is not trained on, see `hold_out`.
    passes : int
        How often an epoch goes through the training set; more than once where it is a few samples.
    target_of_class : Tensor, optional
        Target spike trains of each class, ``[T, K, neurons]``, where samples are recognised by the nearest of them.
    """

    train: Split
    test: Split
    source: str
    held_out: Split | None = None
    passes: int = 1
    target_of_class: Tensor | None = None

    def checksum(self) -> str:
        """SHA-256 over training and test set."""
        return hashlib.sha256((self.train.checksum() + self.test.checksum()).encode()).hexdigest()


@dataclass(frozen=True)
class NoParameters:
    """Nothing to set."""


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
    task : {"classification", "sequences"}
        What is wanted: the class of a sample, or a spike train of each output neuron, see `benchmarks.tasks`.
    Parameters : type
        Frozen dataclass with defaults: how samples become inputs. Configurations set it as ``dataset_parameters``.
    sources : sequence of Source
        Where its files can be had, in the order in which they are tried.
    samples : (int, int), optional
        Size of training and test set, for estimates where the dataset is not here.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    input_shape: ClassVar[InputShape]
    classes: ClassVar[int] = 10
    events: ClassVar[bool] = False
    task: ClassVar[Literal["classification", "sequences"]] = "classification"
    Parameters: ClassVar[type] = NoParameters
    sources: ClassVar[Sequence[Source]] = ()
    samples: ClassVar[tuple[int, int] | None] = None

    def sizes(self, parameters: Any) -> tuple[InputShape, int]:
        """Shape of the input and number of output neurons, for datasets whose parameters set them."""
        del parameters
        return self.input_shape, self.classes

    def for_run(self, parameters: Any, seed: int) -> Any:
        """Parameters as a run with this seed has them, for datasets that are drawn anew for each seed."""
        del seed
        return parameters

    @abstractmethod
    def missing(self, root: Path) -> list[Path]:
        """Files or folders that `load` needs and that are not there; `prepare` moves each into place as one."""

    def prepare(self, root: Path, source: str | None = None) -> str:
        """Get what is missing under `root` and return where it came from; see `benchmarks.datasets.sources`."""
        return prepare(self, root, source)

    def verify(self, root: Path) -> list[str]:
        """Check the whole content under `root`, also against what is published where that is known.

        Returns
        -------
        list of str
            What is wrong, a sentence for each file, which it names; empty if nothing is.
        """
        return [f"{path} is missing" for path in self.missing(root)]

    @abstractmethod
    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read the dataset from under `root`, fetching it first if files are missing.

        Parameters
        ----------
        root : Path
            See `data_root`.
        parameters : optional
            An instance of `Parameters`; None is its defaults.
        time_steps : int
            T, the length of spike trains; images know no time.

        Raises
        ------
        DatasetError
            If files are corrupt, or missing and not to be had; says how to get them.
        """


def data_root(option: str | None = None) -> Path:
    """Folder that holds the datasets: `option`, else ``$TSSL_DATA_ROOT``, else a cache folder of the user's."""
    chosen = option or os.environ.get(DATA_ROOT_VARIABLE)
    return Path(chosen).expanduser() if chosen else _user_cache()


def cache_folder(root: Path) -> Path:
    """Folder for what is made of the files under `root`: there if it can be written, else in the user's cache."""
    # The mode is asked for too, as the superuser may write to what is marked as read-only.
    writable = os.access(root, os.W_OK) and root.stat().st_mode & 0o222
    return (root if writable else _user_cache()) / "made"


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tssl-bp-suite"


@cache
def _found() -> tuple[Mapping[str, Dataset], Mapping[str, str]]:
    """Datasets by name, and files of this package that need what is not installed."""
    lacking: dict[str, str] = {}
    datasets = discover(benchmarks.datasets, Dataset, lacking)  # type: ignore[type-abstract]
    return MappingProxyType(datasets), MappingProxyType(lacking)


def available_datasets() -> Mapping[str, Dataset]:
    """Every dataset in this package by name, but for those that need a package which is not installed."""
    return _found()[0]


def get_dataset(name: str) -> Dataset:
    """Return the dataset called `name`.

    Raises
    ------
    ConfigError
        If there is no such dataset; the message lists those that there are.
    """
    datasets = available_datasets()
    if name not in datasets:
        lacking = ", ".join(f"those of {file}.py need {package}" for file, package in _found()[1].items())
        more = f" ({lacking}, which is not installed)" if lacking else ""
        raise ConfigError(f"unknown dataset {name!r}; expected one of {', '.join(datasets)}{more}")
    return datasets[name]
