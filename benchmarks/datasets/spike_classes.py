"""Classes of spike patterns: jittered versions of an input pattern are to be answered by the target of its class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.datasets.samples.sequences import (
    RandomTargetParameters,
    SequenceDataset,
    SequenceSplit,
    Trains,
    jittered,
    poisson_trains,
    require,
    target_trains,
)
from benchmarks.datasets.samples.split import Data
from tssl_core.architecture import InputShape


@dataclass(frozen=True, kw_only=True)
class SpikeClassesParameters(RandomTargetParameters):
    """How the classes and their samples are drawn.

    Parameters
    ----------
    classes : int
        How many there are; each has an input pattern and a target train for every output neuron.
    train_per_class, test_per_class : int
        Samples.
    jitter : float
        Standard deviation in time steps by which an input spike of a sample is moved; the targets stay as they are.
    """

    classes: int = 5
    train_per_class: int = 10
    test_per_class: int = 20
    jitter: float = 1.0
    passes: int = 4

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        super().__post_init__()
        require(self.classes >= 2, "classes", self.classes, "2 or more")
        require(self.train_per_class >= 1, "train_per_class", self.train_per_class, "1 or more")
        require(self.test_per_class >= 1, "test_per_class", self.test_per_class, "1 or more")
        require(self.jitter >= 0, "jitter", self.jitter, "0 time steps or more")


class SpikeClasses(SequenceDataset):
    """A sample is recognised if the target that its output is nearest to is that of its class."""

    name = "spike_classes"
    title = "Spike classes"
    input_shape = (100, 1, 1)
    Parameters = SpikeClassesParameters

    def sizes(self, parameters: Any) -> tuple[InputShape, int]:
        """Both are parameters; there are as many output neurons as it says, not one a class."""
        return (parameters.inputs, 1, 1), parameters.outputs

    def make(self, parameters: SpikeClassesParameters, time_steps: int) -> Data:
        """Draw the classes, then their training samples, then their test samples."""
        draw = parameters.draw()
        shape = (time_steps, parameters.classes, parameters.inputs)
        patterns = poisson_trains(draw, shape, parameters.input_rate)
        targets = target_trains(
            draw, (parameters.classes, parameters.outputs), time_steps=time_steps, parameters=parameters
        )

        def split(per_class: int) -> SequenceSplit:
            inputs: Trains = jittered(draw, np.repeat(patterns, per_class, axis=1), deviation=parameters.jitter)
            wanted = np.repeat(targets, per_class, axis=1)
            return SequenceSplit(torch.from_numpy(inputs), torch.from_numpy(wanted))

        return Data(
            split(parameters.train_per_class),
            split(parameters.test_per_class),
            source=f"drawn from seed {parameters.data_seed or 0}",
            passes=parameters.passes,
            target_of_class=torch.from_numpy(targets),
        )
