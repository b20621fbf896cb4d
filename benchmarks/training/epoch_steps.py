"""The training steps of an epoch, without a wait for the GPU between them.

The order of the samples and all that is drawn for their random changes are copied to the device once an epoch. Where
the device can make a batch by itself, the step that a CUDA graph holds begins with that.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.datasets.samples.split import Split
from benchmarks.platform.cuda_graph import Recorded
from benchmarks.training.state import Draws

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""Takes inputs and targets of a batch, and returns its loss and how many samples were recognised, if that is asked."""


@dataclass(frozen=True)
class Batch:
    """What a batch is made of.

    Parameters
    ----------
    indices : Tensor
        Positions of its samples, ``[B]``, int64, on the CPU.
    changes : Tensor, optional
        What was drawn for random changes of them, ``[..., B]``, int64, on the CPU.
    """

    indices: Tensor
    changes: Tensor | None

    def pinned(self) -> "Batch":
        """The same in memory from which a GPU takes a copy without a wait."""
        return Batch(self.indices.pin_memory(), None if self.changes is None else self.changes.pin_memory())


def draw_epoch(split: Split, draws: Draws, *, batch_size: int, passes: int) -> list[Batch]:
    """Draw the batches of an epoch, so many passes through all samples; the last of each pass may be short."""
    orders = [torch.randperm(len(split), generator=draws.order) for _ in range(passes)]
    return [
        Batch(indices, split.draw(len(indices), draws.augmentation))
        for order in orders
        for indices in order.split(batch_size)
    ]


class EpochSteps:
    """Takes the steps of one epoch after the other, and sums up their losses on the device.

    Parameters
    ----------
    split : Split
        Training samples.
    step : callable
        See `Step`; never waits for the device.
    device : torch.device
        Where the model is.
    recording : bool
        Whether the device is a GPU on which steps are recorded as a CUDA graph.
    """

    def __init__(self, split: Split, step: Step, device: torch.device, *, recording: bool) -> None:
        self._split, self._step = split, step
        self._loss = torch.zeros((), device=device)
        self._correct = torch.zeros((), dtype=torch.int64, device=device)
        self._counts = False
        self._pin = device.type == "cuda" and split.on_device
        self._whole = split.on_device
        self._recorded = Recorded(self._next if self._whole else self._learn, device) if recording else None
        self._table = Table(device)

    def epoch(self, batches: Sequence[Batch], state: Hashable) -> Iterable[None]:
        """Take a step whenever the next value is asked for.

        Parameters
        ----------
        batches : sequence of Batch
            As many of each size in every epoch, the first one the largest.
        state : hashable
            See `Model.python_state`.
        """
        self._loss.zero_()
        self._correct.zero_()
        if self._recorded is not None:
            self._recorded.hold(state)
            if self._whole:
                size = len(batches[0].indices)
                self._table.fill([batch for batch in batches if len(batch.indices) == size])
        for batch in batches:
            self._take(batch)
            yield

    def sums(self) -> tuple[Tensor, Tensor | None]:
        """Sums over the last epoch: loss, and samples that were recognised, if that is asked."""
        return self._loss, self._correct if self._counts else None

    def _take(self, batch: Batch) -> None:
        if self._recorded is not None and self._whole and len(batch.indices) == self._table.batch_size:
            self._recorded()
            return
        batch = batch.pinned() if self._pin else batch
        if self._recorded is None:
            self._make_and_learn(batch.indices, batch.changes)
        elif self._whole:
            self._recorded.aside(self._make_and_learn, batch.indices, batch.changes)
        else:
            self._recorded(*self._split.batch(batch.indices, batch.changes))

    def _next(self) -> None:
        self._make_and_learn(*self._table.take())

    def _make_and_learn(self, indices: Tensor, changes: Tensor | None) -> None:
        self._learn(*self._split.batch(indices, changes))

    def _learn(self, inputs: Tensor, targets: Tensor) -> None:
        loss, correct = self._step(inputs, targets)
        # Sums stay on the device: reading them each step would make a GPU wait.
        self._loss += loss
        if correct is not None:
            self._counts = True
            self._correct += correct


class Table:
    """Batches of one size in memory that stays where it is, so that a CUDA graph can take one after the other.

    Parameters
    ----------
    device : torch.device
        Where it is.
    """

    def __init__(self, device: torch.device) -> None:
        self._row = torch.zeros(1, dtype=torch.int64, device=device)
        self._indices: Tensor | None = None
        self._changes: Tensor | None = None

    @property
    def batch_size(self) -> int:
        """Samples of a batch; 0 before the first."""
        return 0 if self._indices is None else self._indices.shape[1]

    def fill(self, batches: Sequence[Batch]) -> None:
        """Hold other batches, as many and as large as those before, and begin with the first one."""
        drawn = [batch.changes for batch in batches if batch.changes is not None]
        self._indices = self._copied([batch.indices for batch in batches], self._indices)
        self._changes = self._copied(drawn, self._changes) if drawn else None
        self._row.zero_()

    def take(self) -> tuple[Tensor, Tensor | None]:
        """Return indices and changes of the next batch, on the device and without asking it for anything."""
        assert self._indices is not None
        indices = self._indices.index_select(0, self._row)[0]
        changes = None if self._changes is None else self._changes.index_select(0, self._row)[0]
        self._row += 1
        return indices, changes

    def _copied(self, rows: Sequence[Tensor], place: Tensor | None) -> Tensor:
        table = torch.stack(list(rows))
        if place is None:
            return table.to(self._row.device)
        # What is pinned is copied to a GPU without waiting.
        return place.copy_(table.pin_memory() if place.is_cuda else table, non_blocking=True)
