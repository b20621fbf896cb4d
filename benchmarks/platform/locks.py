"""One process at a time: a lock that ends with the process that holds it, however it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.errors import LockedError

A_MOMENT = 1.0
"""Seconds that a lock may be held by who only looks whether it is held."""


@contextmanager
def locked(path: Path, *, waiting: Callable[[], None] | None = None, seconds: float = A_MOMENT) -> Iterator[None]:
    """Hold the lock file `path`, which is there only meanwhile; a file that a killed process left behind locks nothing.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.
    waiting : callable, optional
        Called before another holder is waited for, however long that takes.
    seconds : float
        How long another holder is waited for, without `waiting`.

    Raises
    ------
    LockedError
        If another process holds it, or this one already.
    OSError
        If the file cannot be made, or is a link.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise FileExistsError(f"{path} is a link; expected a lock file: remove it")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0 if waiting else seconds)
    except Timeout as error:
        if waiting is None:
            raise LockedError(f"{path} is held by another process") from error
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        # Removed before it is released: whoever opened it meanwhile sees that it is no longer the file at `path`.
        path.unlink(missing_ok=True)
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file `path`, be it this one."""
    if path.is_symlink() or not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    path.unlink(missing_ok=True)
    lock.release()
    return False
