"""What datasets of target spike trains share: parameters, samples in memory, and random trains."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.datasets.dataset import Dataset
from benchmarks.datasets.samples.split import Data
from benchmarks.errors import ConfigError
from tssl_core.architecture import InputShape

Trains = NDArray[np.bool_]
"""Spike trains with time first, ``[T, ...]``."""


@dataclass(frozen=True, kw_only=True)
class SequenceRule:
    """What spike trains are compared by.

    Parameters
    ----------
    tau : float
        Time constant in time steps, above 1, of van Rossum's distance and of the loss.
    victor_purpura_cost : float
        Of moving a spike by a time step, where adding or removing one costs 1.
    tolerance : int
        How many time steps a spike may be off and still count as hit.
    """

    tau: float = 3.0
    victor_purpura_cost: float = 0.25
    tolerance: int = 1


@dataclass(frozen=True, kw_only=True)
class SequenceParameters(SequenceRule):
    """What outputs are compared by, see `SequenceRule`, and what the datasets have in common.

    Parameters
    ----------
    inputs : int
        Input trains.
    input_rate : float
        Chance of a spike of an input train in a time step.
    passes : int
        How often an epoch goes through the training set: a dataset may be a single sample, and a run is measured and
        saved after each epoch.
    data_seed : int, optional
        Of the random trains. None is the seed of the run: each has trains of its own, the same for all methods.
    """

    inputs: int = 100
    input_rate: float = 0.1
    passes: int = 20
    data_seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require(self.tau > 1, "tau", self.tau, "a time constant of more than 1 time step")
        require(self.victor_purpura_cost > 0, "victor_purpura_cost", self.victor_purpura_cost, "a positive cost")
        require(self.tolerance >= 0, "tolerance", self.tolerance, "0 time steps or more")
        require(self.inputs >= 1, "inputs", self.inputs, "1 or more")
        require(0 < self.input_rate <= 1, "input_rate", self.input_rate, "a chance in (0, 1]")
        require(self.passes >= 1, "passes", self.passes, "1 or more")
        require(self.data_seed is None or self.data_seed >= 0, "data_seed", self.data_seed, "0 or more")

    def draw(self) -> np.random.Generator:
        """Return the generator of the trains; without a seed its seed is 0."""
        return np.random.default_rng(self.data_seed or 0)


@dataclass(frozen=True, kw_only=True)
class RandomTargetParameters(SequenceParameters):
    """Those of the datasets whose target trains are random.

    Parameters
    ----------
    outputs : int
        Output neurons; each has a target train of its own.
    target_spikes : int, optional
        Spikes of each target train; without it `target_rate`, in spikes a time step, gives them, at least one.
    minimum_interval : int
        Time steps between spikes of a target train, at least.
    earliest : int
        First time step that may have one: before it, too few input spikes have come.
    """

    outputs: int = 10
    target_spikes: int | None = None
    target_rate: float = 0.1
    minimum_interval: int = 2
    earliest: int = 2

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        super().__post_init__()
        require(self.outputs >= 1, "outputs", self.outputs, "1 or more")
        spikes = self.target_spikes
        require(spikes is None or spikes >= 0, "target_spikes", spikes, "0 or more")
        require(0 < self.target_rate <= 1, "target_rate", self.target_rate, "spikes a time step in (0, 1]")
        require(self.minimum_interval >= 1, "minimum_interval", self.minimum_interval, "1 time step or more")
        require(self.earliest >= 0, "earliest", self.earliest, "0 or more")

    def spikes_in(self, time_steps: int) -> int:
        """Spikes of a target train of so many time steps."""
        return max(1, round(self.target_rate * time_steps)) if self.target_spikes is None else self.target_spikes


def require(condition: bool, name: str, value: object, expected: str) -> None:
    """Refuse the value of a parameter unless a condition holds."""
    if not condition:
        raise ConfigError(f"{name} is {value!r}; expected {expected}")


@dataclass(frozen=True)
class SequenceSplit:
    """Spike trains in memory, with the spike trains that are wanted for them.

    Parameters
    ----------
    inputs : Tensor
        ``[T, N, inputs]``, bool.
    targets : Tensor
        ``[T, N, neurons]``, bool.
    """

    inputs: Tensor
    targets: Tensor
    on_device = True

    def __len__(self) -> int:
        return self.inputs.shape[1]

    def draw(self, samples: int, draw: torch.Generator) -> None:
        """Draw nothing: it knows no random changes."""
        del samples, draw

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return inputs ``[T, B, inputs, 1, 1]`` and targets ``[T, B, neurons]``, 0 or 1, float32."""
        del changes
        indices = indices.to(self.inputs.device)
        return self.inputs[:, indices].float()[..., None, None], self.targets[:, indices].float()

    def checksum(self) -> str:
        """Return the SHA-256 of inputs and targets, and of their shapes."""
        digest = hashlib.sha256()
        for trains in (self.inputs, self.targets):
            digest.update(str(tuple(trains.shape)).encode())
            digest.update(trains.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "SequenceSplit":
        """Return the same split on another device."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))


class SequenceDataset(Dataset):
    """A dataset that is drawn from a seed, or comes with the suite: nothing is ever missing."""

    events = True
    task = "sequences"
    Parameters = SequenceParameters

    def sizes(self, parameters: Any) -> tuple[InputShape, int]:
        """Inputs are channels of a single pixel."""
        return (parameters.inputs, 1, 1), self.classes

    def for_run(self, parameters: Any, seed: int) -> Any:
        """Let the run's seed stand for one that is not given."""
        return replace(parameters, data_seed=seed) if parameters.data_seed is None else parameters

    def missing(self, root: Path) -> list[Path]:
        """Nothing: it is made when it is loaded."""
        del root
        return []

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Make the trains.

        Raises
        ------
        ConfigError
            If T is too short for them.
        """
        del root
        return self.make(parameters or self.Parameters(), time_steps)

    @abstractmethod
    def make(self, parameters: Any, time_steps: int) -> Data:
        """Make trains of so many time steps, the same for equal arguments."""


def poisson_trains(draw: np.random.Generator, shape: tuple[int, ...], rate: float) -> Trains:
    """Spike trains that have a spike in any time step with the same chance."""
    return draw.random(shape) < rate


def target_trains(
    draw: np.random.Generator, trains: tuple[int, ...], *, time_steps: int, parameters: RandomTargetParameters
) -> Trains:
    """Random trains with a given number of spikes and a least interval; all such trains are equally likely.

    Parameters
    ----------
    draw : Generator
        Where chance comes from.
    trains : tuple of int
        How many, in any shape.
    time_steps : int
        T.
    parameters : RandomTargetParameters
        Number of spikes, least interval, and where the first may be.

    Returns
    -------
    array
        ``[T, *trains]``.

    Raises
    ------
    ConfigError
        If there is no room for so many.
    """
    spikes, gap = parameters.spikes_in(time_steps), parameters.minimum_interval - 1
    room = time_steps - parameters.earliest - gap * max(0, spikes - 1)
    if room < spikes:
        raise ConfigError(
            f"{spikes} target spikes at least {parameters.minimum_interval} steps apart do not fit into the "
            f"{time_steps - parameters.earliest} time steps from step {parameters.earliest} on; expected fewer "
            "(dataset_parameters.target_spikes or target_rate) or more time_steps"
        )
    flat = np.zeros((time_steps, int(np.prod(trains))), dtype=bool)
    for column in flat.T:
        # Positions without the gaps, all different; each spike is then moved by the gaps before it.
        positions = np.sort(draw.choice(room, spikes, replace=False))
        column[parameters.earliest + positions + gap * np.arange(spikes)] = True
    return flat.reshape(time_steps, *trains)


def jittered(draw: np.random.Generator, trains: Trains, *, deviation: float) -> Trains:
    """Move each spike of ``[T, ...]`` by a rounded normal deviate of time steps; what leaves the window is lost."""
    steps, *place = np.nonzero(trains)
    moved = steps + np.rint(draw.normal(0, deviation, len(steps))).astype(np.int64)
    inside = (moved >= 0) & (moved < len(trains))
    result = np.zeros_like(trains)
    result[(moved[inside], *(axis[inside] for axis in place))] = True
    return result
