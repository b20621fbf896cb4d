"""Random data in the shape of a dataset, to measure how long one takes that is not here; no result comes from it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.datasets.dataset import Data, Dataset
from benchmarks.errors import DatasetError
from tssl_core.architecture import InputShape

EVENT_RATE = 0.05
"""Chance of an event at a pixel and time step."""


@dataclass(frozen=True)
class RandomSplit:
    """Samples that are drawn anew whenever they are asked for.

    Parameters
    ----------
    samples : int
        How many there are.
    input_shape : (int, int, int)
        Channels, height, width.
    classes : int
        Number of classes.
    time_steps : int or None
        T of spike trains; None for images.
    device : torch.device
        Where batches come to.
    """

    samples: int
    input_shape: InputShape
    classes: int
    time_steps: int | None
    device: torch.device
    on_device = False

    def __len__(self) -> int:
        return self.samples

    def draw(self, samples: int, draw: torch.Generator) -> None:
        """Draw nothing: it knows no random changes."""
        del samples, draw

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return random inputs and labels, see `Split.batch`."""
        del changes
        labels = torch.randint(self.classes, (len(indices),), device=self.device)
        if self.time_steps is None:
            return torch.randn(len(indices), *self.input_shape, device=self.device), labels
        shape = (self.time_steps, len(indices), *self.input_shape)
        return (torch.rand(shape, device=self.device) < EVENT_RATE).float(), labels

    def checksum(self) -> str:
        """Nothing to sum up."""
        return "random"

    def to(self, device: torch.device) -> "RandomSplit":
        """Return the same split on another device."""
        return RandomSplit(self.samples, self.input_shape, self.classes, self.time_steps, device)


def stand_in(dataset: Dataset, time_steps: int) -> Data:
    """Return random data with as many samples as a dataset has.

    Raises
    ------
    DatasetError
        If it does not say how many.
    """
    if dataset.samples is None:
        raise DatasetError(f"dataset {dataset.name!r} is not here and does not say how many samples it has")
    cpu = torch.device("cpu")
    train, test = (
        RandomSplit(samples, dataset.input_shape, dataset.classes, time_steps if dataset.events else None, cpu)
        for samples in dataset.samples
    )
    return Data(train, test, "random numbers")
