"""One process at a time: a lock that ends with the process that holds it, however it ends."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.errors import LockedError


@contextmanager
def locked(path: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path`, which is there only meanwhile; a file that a killed process left behind locks nothing.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.
    waiting : callable, optional
        Called before another holder is waited for; without it nobody is.

    Raises
    ------
    LockedError
        If another process holds it, or this one already, and is not waited for; says who.
    OSError
        If the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, waiting)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        # Removed before it is unlocked: whoever opened it meanwhile sees that it is no longer the file at `path`.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, waiting: Callable[[], None] | None) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor, waiting)
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, waiting: Callable[[], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if waiting is None:
            holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
            raise LockedError(f"in progress in {holder}") from error
        waiting()
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
