"""A picture to be drawn by spikes: a row is an output neuron, a column a time step."""

from importlib import resources

import numpy as np
import torch

from benchmarks.datasets.samples.sequences import (
    SequenceDataset,
    SequenceParameters,
    SequenceSplit,
    Trains,
    poisson_trains,
)
from benchmarks.datasets.samples.split import Data

PICTURE = "sailing_boat.txt"
"""Drawn for this suite; ``#`` is a spike."""

INK = "#"


class RasterImage(SequenceDataset):
    """One input pattern of random trains, and one picture, which is stretched to the T of a run."""

    name = "raster_image"
    title = "Raster image"
    input_shape = (100, 1, 1)
    classes = 24

    def make(self, parameters: SequenceParameters, time_steps: int) -> Data:
        """Draw the input; the picture is the target."""
        draw = parameters.draw()
        inputs = poisson_trains(draw, (time_steps, 1, parameters.inputs), parameters.input_rate)
        targets = stretched(picture(), time_steps).T[:, None]
        split = SequenceSplit(torch.from_numpy(inputs), torch.from_numpy(np.ascontiguousarray(targets)))
        return Data(split, split, source=f"{PICTURE}, seed {parameters.data_seed or 0}", passes=parameters.passes)


def picture() -> Trains:
    """Return the picture, ``[rows, columns]``."""
    text = (resources.files("benchmarks.datasets") / PICTURE).read_text(encoding="utf-8")
    return np.array([[letter == INK for letter in line] for line in text.split()])


def stretched(image: Trains, columns: int) -> Trains:
    """Repeat or leave out columns of a picture until it has so many."""
    return image[:, np.arange(columns) * image.shape[1] // columns]
