"""One run after another, in this process."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.executors.executor import CarryOut, Job, Outcome

if TYPE_CHECKING:
    from benchmarks.study.study import Cell


@dataclass(frozen=True)
class InProcess:
    """The executor that needs nothing."""

    at_once: int = 1
    threads: int | None = None
    gpu_share: float = 1.0

    def outcomes(self, carry_out: CarryOut, cells: Sequence["Cell"]) -> Generator[tuple["Cell", Outcome]]:
        """Carry out one cell after another, see `Executor.outcomes`."""
        for cell in cells:
            yield cell, carry_out(Job(cell))
