"""The way to the store: where it is, whether it can be used, and what is said when it cannot."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.errors import TrackingError
from benchmarks.tracking import sqlite_store
from benchmarks.tracking.sqlite_store import SQLITE

if TYPE_CHECKING:
    from mlflow import MlflowClient


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
            if (path := sqlite_store.path_of(self.uri)) is not None:
                if self._client is None:
                    sqlite_store.prepare(path)
                sqlite_store.wait_for_lock(path)
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
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        advice = sqlite_store.advice(uri, reason)
        raise TrackingError(f"cannot use the tracking store {uri!r}: {reason}; {advice}") from error


def absolute(uri: str) -> str:
    """Name a SQLite file so that it is the same from every folder."""
    path = sqlite_store.path_of(uri)
    return uri if path is None else f"{SQLITE}{path}"
