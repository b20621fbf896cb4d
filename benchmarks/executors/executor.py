"""The contract of an executor: it has cells carried out and yields how each ended, whatever becomes of the workers."""

import pickle
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.results import Status
    from benchmarks.study.study import Cell
    from benchmarks.tracking import Record

RETRIES = 1
"""So often a run goes on elsewhere after its worker was lost: what kills two workers kills a third."""


@dataclass(frozen=True)
class Job:
    """A cell to be carried out.

    Parameters
    ----------
    cell : Cell
        Which.
    lost : tuple of str
        What became of the workers that had it before.
    """

    cell: "Cell"
    lost: tuple[str, ...] = ()

    @property
    def given_up(self) -> bool:
        """Whether it is not to be tried again, but to be logged as failed."""
        return len(self.lost) > RETRIES

    @property
    def reason(self) -> str:
        """Why it is given up."""
        return f"{len(self.lost)} workers were lost at it, the last {self.lost[-1]}"


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    status : Status or None
        None if another process had done it meanwhile.
    line : str
        For people.
    record : Record, optional
        Of the run, for who shares no folder with the worker.
    """

    status: "Status | None"
    line: str
    record: "Record | None" = None


CarryOut = Callable[[Job], Outcome]
"""Carries out a job where it is called. Executors that use other processes pickle it."""


class Executor(Protocol):
    """Has cells carried out."""

    @property
    def at_once(self) -> int | None:
        """How many at a time on this machine; None on others, where this one's data and speed mean nothing."""

    @property
    def threads(self) -> int | None:
        """Threads that torch may use in a run if nothing else is asked for; None for torch's own choice."""

    @property
    def gpu_share(self) -> float:
        """Part of a GPU's memory that a run may take, in (0, 1], where several share one."""

    def outcomes(self, carry_out: CarryOut, cells: Sequence["Cell"]) -> Generator[tuple["Cell", Outcome]]:
        """Yield each cell and how it ended, in the order in which they end.

        An error that `carry_out` raises is none of a single run: it ends all. Closed before its end, the iterator stops
        the runs in progress first.
        """


def perform(carry_out: CarryOut, job: Job) -> Outcome | Exception:
    """Carry out a job in a worker; what is raised is returned in a form that can be sent."""
    try:
        return carry_out(job)
    except Exception as error:
        return sendable(error)


def sendable(error: Exception) -> Exception:
    """Return an error that survives pickling, with its traceback as a note."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def after_loss(job: Job, what: str) -> Job | Outcome:
    """Return what is to be done after a worker was lost: the job once more, or its end.

    Parameters
    ----------
    job : Job
        What it was at work on.
    what : str
        What became of it, such as "killed by SIGKILL".
    """
    if job.given_up:
        return Outcome("failed", f"failed: {job.reason}; and the worker that was to log this {what}")
    return replace(job, lost=(*job.lost, what))
