"""Files that are there in full or not at all, whatever happens to the process or the disk meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks.errors import OutputError


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file beside its place and move it there once it is on the disk.

    Parameters
    ----------
    path : Path
        What is there is replaced; folders are made. Only one process may write it at a time.
    content : bytes
        The whole of it.
    durable : bool
        Whether it is also to outlive a power cut, which takes milliseconds; too long for files by the ten thousand.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk: the file is then as it was before, and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    # What is there is of a process that was killed, or a link that somebody else has put there; neither is written to.
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in a line that something cannot be written; what it was made from is still there.

    Raises
    ------
    OutputError
        For an OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}; choose another --output, no run is lost") from error


def make_writable_folder(folder: Path) -> None:
    """Make a folder and see that a file can be written there, before hours are spent on what is to be written.

    Raises
    ------
    OSError
        If it cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass
