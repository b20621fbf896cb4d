"""The way to the store: where it is, whether it can be used, and what is said when it cannot."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"

LOCK_SECONDS = 2.0
"""How long a locked SQLite file is waited for."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds without an attempt after one that failed; they double from one to the next."""

SETTINGS = {
    # A study on an offline machine must not wait for a usage report to be sent.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A sweep must not wait minutes for a server that is gone: what it lacks is in the records.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # The command line says what it does itself.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Of MLflow, where the user has not set them."""

QUIET = {
    "mlflow": logging.WARNING,
    "alembic": logging.WARNING,
    # These print tracebacks of what is told in a line here.
    "mlflow.store.db.utils": logging.CRITICAL,
    "mlflow.utils.rest_utils": logging.ERROR,
    "urllib3.connectionpool": logging.ERROR,
}


class Connection:
    """A store, and whether it could be used the last time.

    Parameters
    ----------
    uri : str
        MLflow tracking URI.

    Attributes
    ----------
    failure : str
        Why the last attempt failed; empty if it did not.

    Raises
    ------
    TrackingError
        If MLflow is not installed.
    """

    def __init__(self, uri: str) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        try:
            import mlflow  # noqa: F401
        except ImportError as error:
            raise TrackingError("MLflow is not installed; install it, or give --tracking-uri off") from error
        for name, level in QUIET.items():
            logging.getLogger(name).setLevel(level)
        self.uri = absolute(uri)
        self.failure = ""
        self._client: MlflowClient | None = None
        self._pause, self._next_attempt = FIRST_PAUSE, 0.0

    def client(self) -> "MlflowClient":
        """Return the client, which is made when the store can be used for the first time.

        Raises
        ------
        TrackingError
            If it cannot be used.
        """
        from mlflow import MlflowClient

        with errors_explained(self.uri):
            if self._client is None:
                check_sqlite(self.uri)
            wait_for_lock(self.uri)
            if self._client is None:
                client = MlflowClient(tracking_uri=self.uri)
                client.search_experiments(max_results=1)
                self._client = client
        return self._client

    def attempt(self, action: "Callable[[MlflowClient], object]", *, at_once: bool = False) -> bool:
        """Do something with the store and say whether it worked.

        Parameters
        ----------
        action : callable
            Is given the client; may fail in the middle and is then called again later.
        at_once : bool
            Do it even if an attempt has failed a moment ago.
        """
        if time.monotonic() < self._next_attempt and not at_once:
            return False
        try:
            with errors_explained(self.uri):
                action(self.client())
        except TrackingError as error:
            self.failure = str(error)
            self._next_attempt = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            return False
        self.failure, self._pause, self._next_attempt = "", FIRST_PAUSE, 0.0
        return True


@contextmanager
def errors_explained(uri: str) -> Iterator[None]:
    """Turn MLflow's errors into one line that names the store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        advice = "check that it exists, is writable and has room, or name another by --tracking-uri"
        raise TrackingError(f"cannot use the tracking store {uri!r}: {reason}; {advice}") from error


def check_sqlite(uri: str) -> None:
    """Open a SQLite file once: MLflow tries for minutes to open one that it cannot, and fails with a traceback."""
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE))
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")


def wait_for_lock(uri: str) -> None:
    """Wait for a SQLite file that another process is writing to, but not for as long as MLflow would."""
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE)).absolute()
        # Opened so that a file that has gone is not made anew, and empty.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()


def absolute(uri: str) -> str:
    """Name a SQLite file so that it is the same from every folder."""
    return f"{SQLITE}{Path(uri.removeprefix(SQLITE)).absolute()}" if uri.startswith(SQLITE) else uri
