"""Where a run stands between two epochs: all that the rest of it depends on, and nothing else."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer

from baselines.method import Model
from benchmarks.results import EpochResult
from benchmarks.training.seeding import generator_for

Snapshot = dict[str, Any]
"""A state as plain values and tensors, see `TrainingState.snapshot`."""


@dataclass(frozen=True)
class Draws:
    """Random streams of a training: the order of the samples, how they are changed, and what dropout leaves out."""

    order: torch.Generator
    augmentation: torch.Generator
    dropout: torch.Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> "Draws":
        """Start the streams of a run; dropout draws on the device, the others on the CPU."""
        return cls(
            order=generator_for(seed, "order"),
            augmentation=generator_for(seed, "augmentation"),
            dropout=generator_for(seed, "dropout", device),
        )


@dataclass(frozen=True)
class TrainingState:
    """A run after its last finished epoch; the parts change in place as it goes on.

    Parameters
    ----------
    model : Model
        Its `state_dict` holds all that training changes; what else changes may depend on the epoch alone.
    optimizer : Optimizer
        With its moments.
    draws : Draws
        Random streams, each where the last epoch left it.
    history : list of EpochResult
        Of the epochs so far.
    """

    model: Model
    optimizer: Optimizer
    draws: Draws
    history: list[EpochResult] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        """Return the state as plain values and tensors; the tensors are those of the run and change with it."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "draws": {name: stream.get_state() for name, stream in vars(self.draws).items()},
            "history": [asdict(record) for record in self.history],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Take up a snapshot of the same run: from here on both go the same way, bit for bit."""
        self.model.load_state_dict(snapshot["model"])
        self.optimizer.load_state_dict(snapshot["optimizer"])
        for name, stream in vars(self.draws).items():
            stream.set_state(snapshot["draws"][name])
        self.history[:] = history_of(snapshot)


def history_of(snapshot: Snapshot) -> list[EpochResult]:
    """Epochs that a snapshot has behind it."""
    return [EpochResult.of(values) for values in snapshot["history"]]
