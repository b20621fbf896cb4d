"""A file a run with all that is to be said of it to the store: a crash, or a store that is gone, loses nothing.

The first line opens the run, each further one is a call. The file is locked as long as its process lives, so that
another one sends what was left behind, and nothing else. It is deleted once everything has arrived.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from benchmarks.errors import TrackingError
from benchmarks.tracking.calls import Call, Opening, call_of, opening_of, to_line

DEFAULT_FOLDER = Path("tracking-pending")
SUFFIX = ".jsonl"


class Journal:
    """The file of one run, open and locked.

    Parameters
    ----------
    path : Path
        Of the file.
    file : TextIO
        Open for reading and appending, and locked.
    """

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self._file = path, file

    @classmethod
    def create(cls, folder: Path, opening: Opening) -> "Journal":
        """Begin the file of a run.

        Raises
        ------
        TrackingError
            If it cannot be written.
        """
        path = (folder / f"{opening.tracking_id}{SUFFIX}").absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("x+", encoding="utf-8")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise TrackingError(f"cannot write {path}: {error}; make room there, or run in another folder") from error
        journal = cls(path, file)
        journal._write(to_line(opening))
        return journal

    @classmethod
    def left_behind(cls, folder: Path) -> Iterator["Journal"]:
        """Open and lock, one after the other, the files whose process has ended; oldest first."""
        found = [(path.stat().st_mtime_ns, path) for path in folder.glob(f"*{SUFFIX}") if path.is_file()]
        for _, path in sorted(found):
            with contextlib.suppress(OSError):
                file = path.open("r+", encoding="utf-8")
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Between opening and locking, another process may have sent and deleted it.
                    path.stat()
                except OSError:
                    file.close()
                    continue
                yield cls(path.absolute(), file)

    def __del__(self) -> None:
        # A run that is abandoned is one whose process has ended, to all others.
        self._file.close()

    @property
    def files(self) -> Path:
        """Folder of the larger files that belong to it."""
        return self.path.with_suffix("")

    def append(self, call: Call) -> None:
        """Add a call; a crash of the process after this does not lose it."""
        self._write(to_line(call))

    def _write(self, line: str) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise TrackingError(f"cannot write {self.path}: {error}; make room there") from error

    def read(self) -> tuple[Opening, list[Call]]:
        """Return what it holds; a last line that was cut off by a crash is left out.

        Raises
        ------
        TrackingError
            If it is no file of this kind.
        """
        self._file.seek(0)
        lines = self._file.read().splitlines()
        calls: list[Call] = []
        try:
            opening = opening_of(lines[0])
            for number, line in enumerate(lines[1:], start=2):
                try:
                    calls.append(call_of(line))
                except ValueError:
                    if number < len(lines):
                        raise
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise TrackingError(f"{self.path} cannot be read: {error}; delete it to give up what it holds") from error
        return opening, calls

    def close(self) -> None:
        """Leave the file for a later process to send."""
        self._file.close()

    def delete(self) -> None:
        """Everything has arrived."""
        shutil.rmtree(self.files, ignore_errors=True)
        self.path.unlink(missing_ok=True)
        self._file.close()
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()
