"""SIGTERM as an exception, like Ctrl-C, so that a run that is stopped can be closed as such."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_TERMINATED = 128 + signal.SIGTERM
"""Exit code of a process that ended because of it, as shells report it."""


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


def cause_of(stop: BaseException) -> str:
    """Name what stopped a process as its user knows it; anything else by its type."""
    return {KeyboardInterrupt: "Ctrl-C", Terminated: "SIGTERM"}.get(type(stop), type(stop).__name__)


@contextmanager
def termination_raises(*, again: signal.Handlers = signal.SIG_DFL) -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, the first time; by default a second one ends the process at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, again)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
