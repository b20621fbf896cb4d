"""Parts of a dataset: what they give to a run, and parts of these."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from benchmarks.datasets.images.augmentation import Augmentation
from benchmarks.errors import ConfigError


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
