"""A store that is a SQLite file is made whole or not at all, by one process."""

import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.errors import TrackingError
from benchmarks.platform.locks import locked
from benchmarks.tracking import sqlite_store
from benchmarks.tracking.connection import Connection
from tests.benchmarks.making_stores import exit_code, make_in_child


def experiments(path: Path) -> list[str]:
    return [found.name for found in Connection(f"sqlite:///{path}").client().search_experiments()]


def test_a_store_whose_making_was_killed_is_not_there_and_the_next_process_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    assert exit_code(make_in_child(path, at_statement=100)) == -signal.SIGKILL
    assert not path.exists(), "half a store fails for ever"
    assert (tmp_path / "mlflow.db.part").stat().st_size > 0, "it was killed too early"
    assert experiments(path) == ["Default"]
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_process_that_waits_for_another_to_make_a_store_takes_that_one(
    store_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"
    made: list[Path] = []
    monkeypatch.setattr(sqlite_store, "make", made.append)
    thread = threading.Thread(target=sqlite_store.prepare, args=(path,))
    with locked(tmp_path / "mlflow.db.lock"):
        thread.start()
        time.sleep(0.1)
        assert thread.is_alive(), "it does not wait"
        path.write_bytes(store_template.read_bytes())
    thread.join(10)
    assert made == []
    assert experiments(path) == ["Default"]


def test_a_store_that_another_process_never_finishes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "MAKING_SECONDS", 0.1)
    with (
        locked(tmp_path / "mlflow.db.lock"),
        pytest.raises(TrackingError, match=r"mlflow\.db': another process has been making it.*--tracking-uri"),
    ):
        Connection(f"sqlite:///{tmp_path / 'mlflow.db'}").client()


def test_a_store_that_cannot_be_made_leaves_nothing_and_can_be_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    def half(uri: str, _artifacts: str) -> None:
        Path(uri.removeprefix("sqlite:///")).write_text("half")
        full(0)

    monkeypatch.setattr("mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore", half)
    with pytest.raises(TrackingError, match=r"No space left on device; check that it .* has room"):
        Connection(f"sqlite:///{path}").client()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        (["alembic_version", "_alembic_tmp_experiments"], "it has the table _alembic_tmp_experiments"),
        (["experiments"], "it lacks the table alembic_version"),
    ],
)
def test_a_store_that_is_broken_is_named_with_what_to_do(tmp_path: Path, tables: list[str], why: str) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (x)")
    with pytest.raises(TrackingError, match=rf"{path}.*{why}; .* broken off: move {path} away and run again"):
        Connection(f"sqlite:///{path}").client()


def test_a_journal_of_a_store_that_was_removed_is_not_applied_to_the_new_one(
    store_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"

    class Copied:
        def __init__(self, uri: str, _artifacts: str) -> None:
            Path(uri.removeprefix("sqlite:///")).write_bytes(store_template.read_bytes())
            self.engine = self

        def dispose(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr("mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore", Copied)
    for ending in ("-journal", "-wal", ".part", ".part-journal"):
        (tmp_path / f"mlflow.db{ending}").write_text("of another time")
    sqlite_store.prepare(path)
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]
