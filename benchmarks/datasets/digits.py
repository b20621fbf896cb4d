"""Handwritten digits bundled with scikit-learn: 1,797 real images of 8 x 8 pixels, always there."""

from pathlib import Path
from typing import Any

import torch

from benchmarks.datasets.dataset import Dataset
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.datasets.sources.needed import needed

TEST_SAMPLES = 360
MEAN, STD, WHITE = (0.305,), (0.376,), 16


class Digits(Dataset):
    """The last fifth, in the order of the file, is the test set: it was mostly written by other people."""

    name = "digits"
    title = "Digits 8x8"
    input_shape = (1, 8, 8)

    def missing(self, root: Path) -> list[Path]:
        """Nothing: the images come with scikit-learn."""
        del root
        return []

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read the images that come with scikit-learn."""
        del root, parameters, time_steps
        bunch = needed("sklearn.datasets", package="scikit-learn").load_digits()
        images = torch.from_numpy(bunch.images).to(torch.uint8).unsqueeze(1)
        labels = torch.from_numpy(bunch.target).to(torch.int64)
        train = ImageSplit(images[:-TEST_SAMPLES], labels[:-TEST_SAMPLES], MEAN, STD, WHITE)
        test = ImageSplit(images[-TEST_SAMPLES:], labels[-TEST_SAMPLES:], MEAN, STD, WHITE)
        return Data(train, test, source="bundled with scikit-learn")
