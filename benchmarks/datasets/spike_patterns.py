"""Patterns to be learnt by heart: random input trains, and for each a random target train of every output neuron."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.datasets.samples.sequences import (
    RandomTargetParameters,
    SequenceDataset,
    SequenceSplit,
    poisson_trains,
    require,
    target_trains,
)
from benchmarks.datasets.samples.split import Data
from tssl_core.architecture import InputShape


@dataclass(frozen=True, kw_only=True)
class SpikePatternsParameters(RandomTargetParameters):
    """How the patterns are drawn.

    Parameters
    ----------
    patterns : int
        How many input patterns, each with targets of its own.
    """

    patterns: int = 4

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        super().__post_init__()
        require(self.patterns >= 1, "patterns", self.patterns, "1 or more")


class SpikePatterns(SequenceDataset):
    """Nothing is held back: the test set is the training set, as what is asked is how much can be learnt."""

    name = "spike_patterns"
    title = "Spike patterns"
    input_shape = (100, 1, 1)
    Parameters = SpikePatternsParameters

    def sizes(self, parameters: Any) -> tuple[InputShape, int]:
        """Both are parameters."""
        return (parameters.inputs, 1, 1), parameters.outputs

    def make(self, parameters: SpikePatternsParameters, time_steps: int) -> Data:
        """Draw the patterns one by one, so that fewer patterns are the first of more."""
        draw = parameters.draw()
        inputs, targets = [], []
        for _ in range(parameters.patterns):
            inputs.append(poisson_trains(draw, (time_steps, parameters.inputs), parameters.input_rate))
            targets.append(target_trains(draw, (parameters.outputs,), time_steps=time_steps, parameters=parameters))
        split = SequenceSplit(*(torch.from_numpy(np.stack(trains, axis=1)) for trains in (inputs, targets)))
        return Data(split, split, source=f"drawn from seed {parameters.data_seed or 0}", passes=parameters.passes)
