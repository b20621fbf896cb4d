"""Processes that make an MLflow store and are killed at a statement of it; forked, so that a try costs no imports."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.tracking.connection import Connection


def make_in_child(store: Path, *, at_statement: int | None = None) -> int:
    """Begin to make a store in a child, which is killed before it sends SQLite a certain statement; its process."""
    child = os.fork()
    if child == 0:
        if at_statement is not None:
            _call_before_statements(_killing_at(at_statement))
        Connection(f"sqlite:///{store}").client()
        os._exit(0)
    return child


def exit_code(child: int) -> int:
    """Wait for a child; its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def statements_of_a_store(store: Path) -> int:
    """Make a store and return how many statements that takes."""
    counted: list[str] = []
    call = _call_before_statements(counted.append)
    Connection(f"sqlite:///{store}").client()
    _stop_calling(call)
    return len(counted)


def _killing_at(number: int) -> Callable[[str], None]:
    seen: list[str] = []

    def count(statement: str) -> None:
        seen.append(statement)
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def _call_before_statements(action: Callable[[str], None]) -> Callable[..., None]:
    from sqlalchemy import Engine, event

    def call(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        action(statement)

    event.listen(Engine, "before_cursor_execute", call)
    return call


def _stop_calling(call: Callable[..., None]) -> None:
    from sqlalchemy import Engine, event

    event.remove(Engine, "before_cursor_execute", call)
