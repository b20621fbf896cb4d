"""SIGKILL: while a store is made, at renames and writes of a run, and at any moment of sweeps."""

import os
import random
import signal
from functools import partial
from pathlib import Path

import pytest

from benchmarks.tracking import Runs
from benchmarks.tracking.connection import Connection
from tests.attacks.conftest import Tally
from tests.attacks.processes import STUDY, SWEEP, begin, end, kill_at
from tests.benchmarks import test_kill
from tests.benchmarks.making_stores import exit_code, make_in_child
from tests.benchmarks.numbers import numbers_of

STATEMENTS = 1688
"""That MLflow sends SQLite to make a store; with another version some more."""

KILLS_OF_STORES, WHOLE_EVERY = 36, 6
KILLS_OF_SWEEPS = 60
CALLS = 10


def usable(store: Path) -> str | None:
    """Why a store cannot be used."""
    try:
        Connection(f"sqlite:///{store}").client().search_experiments()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def test_kills_while_a_store_is_made(empty_folder: Path, tally: Tally) -> None:
    draw = random.Random(0)
    for number in range(KILLS_OF_STORES):
        folder = empty_folder / str(number // WHOLE_EVERY)
        folder.mkdir(exist_ok=True)
        store, statement = folder / "mlflow.db", draw.randint(1, STATEMENTS - 20)
        assert exit_code(make_in_child(store, at_statement=statement)) == -signal.SIGKILL
        failure = "there is half a store" if store.exists() else None
        if number % WHOLE_EVERY == WHOLE_EVERY - 1:
            failure = failure or usable(store)
        tally.add(f"statement {statement}", failure)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_kills_at_the_rename_of_a_store(empty_folder: Path, tally: Tally, after: bool) -> None:
    store = empty_folder / "mlflow.db"
    child = os.fork()
    if child == 0:
        kill_at(Path, "replace", 1, after=after)
        Connection(f"sqlite:///{store}").client()
        os._exit(0)
    assert exit_code(child) == -signal.SIGKILL
    tally.add("rename", "it is there" if store.exists() != after else usable(store))


def test_kills_at_writes_and_renames_of_a_run(empty_folder: Path, tally: Tally) -> None:
    (empty_folder / "tiny.toml").write_text(STUDY)
    sweep = [*SWEEP, "--tracking-uri", "off", "--runs"]
    assert end(begin([*sweep, "undisturbed"], Path("log"))) == 0
    expected = numbers_of(Runs(Path("undisturbed")).records("tiny"))
    for place, name, number, after in [
        *((Path, "replace", number, after) for number in range(1, CALLS + 1) for after in (False, True)),
        *((os, "fsync", number, True) for number in range(1, CALLS + 1)),
    ]:
        runs = f"{name}-{number}-{after}"
        killed = end(begin([*sweep, runs], Path(f"{runs}.log"), partial(kill_at, place, name, number, after=after)))
        again = end(begin([*sweep, runs], Path(f"{runs}.log")))
        same = numbers_of(Runs(Path(runs)).records("tiny")) == expected
        right = (killed, again, same) == (-signal.SIGKILL, 0, True)
        tally.add(runs, None if right else f"codes {killed} and {again}, the numbers are the same: {same}")


def test_kills_of_sweeps(store: str, tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_kill, "KILLS", KILLS_OF_SWEEPS)
    attack = test_kill.test_sweeps_that_are_killed_again_and_again_or_run_at_once_end_with_the_numbers_of_one_left_alone
    failure = None
    try:
        attack(store, tmp_path)
    except AssertionError as error:
        failure = str(error)
    for _ in range(KILLS_OF_SWEEPS):
        tally.add("sweep", failure)
