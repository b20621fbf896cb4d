"""A store that is a SQLite file: made whole or not at all, and looked at before MLflow opens it."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks.errors import LockedError, TrackingError
from benchmarks.platform.locks import locked

SQLITE = "sqlite:///"

LOCK_SECONDS = 2.0
"""How long a locked file is waited for."""

MAKING_SECONDS = 120.0
"""How long another process that makes the store is waited for; it takes some seconds."""

ARTIFACTS = "./mlruns"
"""Where MLflow keeps artifacts by default, in the folder in which the store is made."""

BROKEN = re.compile(r"table \S+ already exists|half-made|not a database|malformed")
"""What is said of a file whose making was broken off, or that is damaged."""

VERSION_TABLE, SCRATCH_TABLE = "alembic_version", "_alembic_tmp_"
"""A table that every store has, and how those begin that there are only while one is made."""

MADE_BESIDE = ("-journal", "-wal", "-shm")
"""Endings of the files that SQLite keeps beside a database; one without its own would be applied to a new one."""


def path_of(uri: str) -> Path | None:
    """Return the file of a store, or None if it is none."""
    return Path(uri.removeprefix(SQLITE)).absolute() if uri.startswith(SQLITE) else None


def prepare(path: Path) -> None:
    """Make a store that is not there, and open its file once.

    MLflow tries for minutes to open a file that it cannot, and fails with a traceback.
    """
    path = path.resolve()
    if not is_there(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            """What cannot be written is said at once: the lock would wait for it."""
        try:
            with locked(path.with_name(f"{path.name}.lock"), seconds=MAKING_SECONDS):
                if not is_there(path):
                    make(path)
        except LockedError as error:
            raise TrackingError(
                f"cannot use the tracking store '{SQLITE}{path}': another process has been making it for more than "
                f"{MAKING_SECONDS:.0f} s; wait for it or end it, or name another store by --tracking-uri"
            ) from error
    check_whole(path)


def check_whole(path: Path) -> None:
    """Raise sqlite3.DatabaseError if a file is no database, or one whose making was broken off."""
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    left = sorted(name for name in tables if name.startswith(SCRATCH_TABLE))
    if tables and (left or VERSION_TABLE not in tables):
        what = f"has the table {left[0]}" if left else f"lacks the table {VERSION_TABLE}"
        raise sqlite3.DatabaseError(f"the store is half-made: it {what}")


def is_there(path: Path) -> bool:
    """Whether a file has content; SQLite makes an empty one before it writes anything."""
    return path.exists() and path.stat().st_size > 0


def make(path: Path) -> None:
    """Build a store beside its place and move it there.

    MLflow's migrations are not one transaction: what a killed process leaves of them fails for ever.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    part = path.with_name(f"{path.name}.part")
    for leftover in (part, *_beside(part), *_beside(path)):
        leftover.unlink(missing_ok=True)
    try:
        store: Any = SqlAlchemyStore
        store(f"{SQLITE}{part}", ARTIFACTS).engine.dispose()
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        for leftover in (part, *_beside(part)):
            leftover.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}{ending}") for ending in MADE_BESIDE]


def wait_for_lock(path: Path) -> None:
    """Wait for a file that another process is writing to, but not for as long as MLflow would."""
    # Opened so that a file that has gone is not made anew, and empty.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def advice(uri: str, reason: str) -> str:
    """What to do about a store that cannot be used."""
    path = path_of(uri)
    if path is not None and BROKEN.search(reason):
        return f"it is damaged, or its making was broken off: move {path} away and run again, the records have it all"
    return "check that it exists, is writable and has room, or name another by --tracking-uri"
