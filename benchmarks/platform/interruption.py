"""SIGTERM as an exception, like Ctrl-C, so that a run that is stopped can be closed as such."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_TERMINATED = 128 + signal.SIGTERM
"""Exit code of a process that ended because of it, as shells report it."""

AGAIN = 0.01
"""Seconds after which an exception that was lost is raised once more."""


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


class TimeLimitError(Exception):
    """What was to take so long, and no longer, has been stopped, see `time_limit`."""


def cause_of(stop: BaseException) -> str:
    """Name what stopped a process as its user knows it; anything else by its type."""
    return {KeyboardInterrupt: "Ctrl-C", Terminated: "SIGTERM"}.get(type(stop), type(stop).__name__)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop what is inside after a time, as SIGTERM does; in the main thread only.

    Raises
    ------
    TimeLimitError
        If it was stopped.
    """
    over = threading.Event()

    def stop() -> None:
        over.set()
        os.kill(os.getpid(), signal.SIGTERM)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    with termination_raises():
        try:
            timer.start()
            yield
            timer.cancel()  # here already, so that a signal of the last moment is still taken for what it is
        except Terminated:
            if not over.is_set():
                raise
            raise TimeLimitError from None
        finally:
            timer.cancel()


@contextmanager
def termination_raises(*, again: signal.Handlers = signal.SIG_DFL) -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, the first time; by default a second one ends the process at once.

    A signal comes at any moment, also within a destructor, such as that of a progress bar, and what is raised there
    Python only prints. It is raised once more then, until it is not lost; that of Ctrl-C as well.
    """
    reminders: list[threading.Timer] = []

    def remind(number: int) -> None:
        if number != signal.SIGTERM or signal.getsignal(signal.SIGTERM) is stop:
            os.kill(os.getpid(), number)

    def forget() -> None:
        for reminder in reminders:
            reminder.cancel()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, again)
        raise Terminated

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is Terminated:
            signal.signal(signal.SIGTERM, stop)
            number = signal.SIGTERM
        elif unraisable.exc_type is KeyboardInterrupt:
            number = signal.SIGINT
        else:
            hook(unraisable)
            return
        forget()  # one is enough
        reminders.append(threading.Timer(AGAIN, remind, (number,)))
        reminders[-1].start()

    before, hook = signal.signal(signal.SIGTERM, stop), sys.unraisablehook
    sys.unraisablehook = lost
    try:
        yield
    finally:
        forget()
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)
