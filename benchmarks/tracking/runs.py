"""The folder of all runs: for each a folder ``<study>/<run_key>`` with its record, and the lock of who works on it."""

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from benchmarks.defaults import DEFAULT_RUNS
from benchmarks.errors import DamagedRecordError, LockedError, TrackingError
from benchmarks.platform.atomic import make_writable_folder, write_atomically
from benchmarks.platform.folders import run_folder, study_folder
from benchmarks.platform.locks import is_locked, locked
from benchmarks.results import EpochResult, RunResult, Status
from benchmarks.tracking.record import UNFINISHED, Record

RECORD_FILE, LOCK_FILE, MODEL_FOLDER = "run.json", "lock", "model"

GONE = "its process ended without a word"
"""Reason of a run that was killed."""


@dataclass(frozen=True)
class Runs:
    """The records of all studies.

    Parameters
    ----------
    root : Path
        Made when something is written.
    """

    root: Path = Path(DEFAULT_RUNS)

    def study_folder(self, study: str) -> Path:
        """Folder of a study's runs.

        Raises
        ------
        TrackingError
            If the name would lead to another folder.
        """
        return study_folder(self.root, study)

    def folder(self, study: str, run_key: str) -> Path:
        """Folder of a run."""
        return run_folder(self.root, study, run_key)

    def files(self, study: str) -> list[Path]:
        """Where the records of a study are."""
        return sorted(self.study_folder(study).glob(f"*/{RECORD_FILE}"))

    def studies(self) -> list[str]:
        """Studies that have a record."""
        return sorted({unquote(path.parents[1].name) for path in self.root.glob(f"*/*/{RECORD_FILE}")})

    def records(self, study: str) -> list[Record]:
        """Return the records of a study, oldest run first; damaged ones are left out, with a warning. See `read`."""
        found = [record for path in self.files(study) if (record := read_unless_damaged(path))]
        return sorted(found, key=lambda record: record.started)

    def find(self, study: str, run_key: str) -> Record | None:
        """Return the record of a run, if there is one; see `read`."""
        return read(self.folder(study, run_key) / RECORD_FILE)

    @contextmanager
    def lock(self, study: str, run_key: str) -> Iterator[None]:
        """Keep other processes away from a run.

        Raises
        ------
        LockedError
            If another process is at work on it; says which.
        TrackingError
            If the folder cannot be written.
        """
        folder = self.folder(study, run_key)
        with ExitStack() as stack:
            try:
                with _errors_explained(folder):
                    stack.enter_context(locked(folder / LOCK_FILE))
            except LockedError as error:
                record = self.find(study, run_key)
                process = record.process if record else {"pid": "unknown", "host": "some machine"}
                raise LockedError(f"in progress in process {process['pid']} on {process['host']}") from error
            yield

    def begin(self, record: Record, history: Sequence[EpochResult] | None = None) -> "OpenRecord":
        """Write the record of a run that begins, and return it to be gone on with.

        Parameters
        ----------
        record : Record
            See `Record.begin`.
        history : sequence of EpochResult, optional
            Epochs that the run has behind it. Given, be it empty, the record that is there is gone on with if it has
            not come to an end; a run that starts anew, or again after a failure, has a record of its own.
        """
        before = None if history is None else self.find(record.study, record.run_key)
        if before is not None and before.status in UNFINISHED:
            started = before.goes_on(record, history or ())
        else:
            started = replace(record, history=tuple(history or ()))
        return OpenRecord(self.folder(record.study, record.run_key), started)

    def adopt(self, record: Record) -> None:
        """Write a record that came from another machine, unless it is here already, or a later one."""
        path = self.folder(record.study, record.run_key) / RECORD_FILE
        here = read(path)
        if here is None or (here.started, here.revision) < (record.started, record.revision):
            write(path, record)

    def make_folder(self) -> None:
        """Make the folder, or see that it can be written.

        Raises
        ------
        TrackingError
            If it cannot be used.
        """
        with _errors_explained(self.root):
            make_writable_folder(self.root)


class OpenRecord:
    """The record of a run in progress; its file is written whole at each change.

    Parameters
    ----------
    folder : Path
        Of the run.
    record : Record
        As it stands.
    """

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder, self.record = folder, record
        self._change(record)

    def epoch(self, epoch: EpochResult) -> None:
        """Keep an epoch; of an epoch that comes again, the later one counts."""
        self._change(self.record.with_epoch(epoch))

    def finish(self, result: RunResult) -> None:
        """Keep the outcome; the run has finished."""
        self._change(self.record.with_result(result).ended_as("finished"))

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """End the run without a result; give the reason in a line, and details to look into."""
        self._change(self.record.ended_as(status, reason, details))

    def _change(self, record: Record) -> None:
        self.record = replace(record, revision=record.revision + 1)
        write(self.folder / RECORD_FILE, self.record)


def read(path: Path) -> Record | None:
    """Read a record, if there is one; a run whose process is gone is known as interrupted.

    Raises
    ------
    DamagedRecordError
        If the file is no record.
    TrackingError
        If it cannot be read.
    """
    with _errors_explained(path):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        text = content.decode()
        record = Record.of(json.loads(text))
    except (ValueError, RecursionError, TrackingError) as error:
        advice = "move its folder away, or use --fresh, and the run runs again"
        raise DamagedRecordError(f"{path} is damaged ({error}); {advice}") from error
    if record.status == "running" and not is_locked(path.with_name(LOCK_FILE)):
        # Between reading and looking at the lock, it may have come to its end.
        if path.read_text(encoding="utf-8") != text:
            return read(path)
        return replace(record, status="interrupted", reason=GONE)
    return record


def read_unless_damaged(path: Path) -> Record | None:
    """The same of a file among many: one that is no record is left out, with a warning."""
    try:
        return read(path)
    except DamagedRecordError as error:
        warnings.warn(f"{error}; it is left out here", stacklevel=3)
        return None


def write(path: Path, record: Record) -> None:
    """Write a record."""
    with _errors_explained(path):
        write_atomically(path, record.to_json().encode())


@contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrackingError(
            f"cannot use {path}: {error}; check that it can be written and has room, or name another folder by --runs"
        ) from error
