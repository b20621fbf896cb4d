"""SIGTERM as an exception, like Ctrl-C, so that a run that is stopped can be closed as such."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


@contextmanager
def termination_raises() -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, the first time; a second one ends the process at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
