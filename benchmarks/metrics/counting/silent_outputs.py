"""Samples on which the output says nothing: a network that has fallen silent decides on the first class, always."""

import torch
from torch import Tensor

SILENT_OUTPUT_FRACTION = "silent_output_fraction"
"""Fraction of samples for which no class has more evidence than another after the whole window."""


class SilentOutputs:
    """Counts them, batch by batch: outputs that are all silent give every class the same score, and NaN is none."""

    def __init__(self) -> None:
        self._silent = torch.zeros((), dtype=torch.int64)

    def add(self, scores: Tensor) -> None:
        """Count a batch of scores ``[B, classes]``."""
        # Turned round, so that NaN, which is neither more nor less, counts.
        self._silent = self._silent.to(scores.device) + (~(scores.amax(-1) > scores.amin(-1))).sum()

    def fraction(self, samples: int) -> float:
        """Part of so many samples."""
        return int(self._silent) / samples
