"""What one run has to say to the store: kept in a file, said now and then, and said again until it has arrived."""

import time
from collections.abc import Iterable

from benchmarks.tracking.calls import Call, Opening, merged
from benchmarks.tracking.connection import Connection
from benchmarks.tracking.journal import Journal
from benchmarks.tracking.sender import Sender

FLUSH_SECONDS = 5.0
"""Short epochs are said together, at most this long after they happened."""

FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0
"""Seconds between two attempts at the end of a run."""


class Outbox:
    """The calls of one run that have not arrived.

    Parameters
    ----------
    connection, sender : Connection, Sender
        To the store; shared by the runs of a tracker.
    journal : Journal
        Holds the opening, and from now on every call.
    opening : Opening
        Of the run.
    calls : iterable, optional
        Already in the journal, from a process that has ended.
    """

    def __init__(
        self,
        connection: Connection,
        sender: Sender,
        journal: Journal,
        opening: Opening,
        calls: Iterable[Call] | None = None,
    ) -> None:
        self._connection, self._sender = connection, sender
        self.journal, self._opening = journal, opening
        self._pending = list(calls or ())
        self._run_id: str | None = None
        # A run whose file comes from a process that has ended may have been opened by it.
        self._tried = calls is not None
        self._flushed = float("-inf")

    @property
    def arrived(self) -> bool:
        """Whether nothing is left to be said."""
        return self._run_id is not None and not self._pending

    def add(self, *calls: Call) -> None:
        """Keep calls."""
        for call in calls:
            self.journal.append(call)
            self._pending.append(call)

    def flush_if_due(self) -> None:
        """Say what there is, unless this was done a moment ago."""
        if time.monotonic() >= self._flushed + FLUSH_SECONDS:
            self.flush()

    def flush(self, *, at_once: bool = False) -> bool:
        """Say what there is, and return whether it has arrived; see `Connection.attempt` for `at_once`."""
        arrived = self._connection.attempt(self._send, at_once=at_once)
        self._flushed = time.monotonic()
        return arrived

    def _send(self) -> None:
        if self._run_id is None:
            again, self._tried = self._tried, True
            self._run_id = self._sender.open(self._opening, again=again)
        self._pending = merged(self._pending)
        while self._pending:
            self._sender.send(self._run_id, self._opening, self._pending[0])
            del self._pending[0]

    def close(self, *, patience: float) -> bool:
        """Say the rest, for so many seconds if need be, and return whether all has arrived; if not, the file stays."""
        deadline, wait = time.monotonic() + patience, FIRST_WAIT
        while not self.flush(at_once=True):
            if time.monotonic() + wait > deadline:
                self.journal.close()
                return False
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        self.journal.delete()
        return True
