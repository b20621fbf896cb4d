"""Which classes are taken for which."""

import torch
from torch import Tensor


class ConfusionMatrix:
    """Counts decisions by the true class while samples go by.

    Parameters
    ----------
    classes : int
        How many there are.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._counts = torch.zeros(classes * classes, dtype=torch.int64)

    def add(self, labels: Tensor, decisions: Tensor) -> None:
        """Count some samples by their labels and decisions, both ``[B]``, integers below the number of classes."""
        pairs = torch.bincount(labels * self.classes + decisions, minlength=self.classes**2)
        self._counts = self._counts.to(pairs.device) + pairs

    def result(self) -> tuple[tuple[int, ...], ...]:
        """Samples so far: a row for each true class, and in it an entry for each class decided on."""
        return tuple(map(tuple, self._counts.view(self.classes, self.classes).tolist()))
