"""Run sweeps and kill them: ``python -m tests.benchmarks.killing``, a process of its own that `test_kill.py` starts.

Arguments: a study, the address of an MLflow store, and how often to kill. It imports once and forks for each try, so
that a try costs no seconds of imports. Nothing is computed before the fork.
"""

import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.cli.main import main
from benchmarks.study.study import load_study
from benchmarks.tracking import mirror

PATIENCE = 120.0
"""Seconds after which a try counts as hanging."""


def begin(arguments: Sequence[str], log: Path) -> int:
    """Run a command in a child, and return its process."""
    child = os.fork()
    if child == 0:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        # What a killed child has said is not to be lost with it.
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        mirror.INTERVAL = 0.02  # so that it is nearly always at it
        code = main(arguments)
        sys.stdout.flush()
        os._exit(code)
    return child


def end(child: int, moment: Callable[[], bool] = lambda: False) -> int:
    """Wait for a child, and kill it at a moment; its exit code, or minus the signal."""
    start = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if moment() or time.monotonic() - start > PATIENCE:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.003)


def after(seconds: float) -> Callable[[], bool]:
    """The moment so many seconds from now."""
    start = time.monotonic()
    return lambda: time.monotonic() - start > seconds


def after_an_epoch(folder: Path, seconds: float) -> Callable[[], bool]:
    """The moment so many seconds after the next checkpoint: each try gets further, however slow the machine is."""
    before = set(folder.rglob("*.pt"))
    saved_at: list[float] = []

    def reached() -> bool:
        if not saved_at and set(folder.rglob("*.pt")) - before:
            saved_at.append(time.monotonic())
        return bool(saved_at) and time.monotonic() - saved_at[0] >= seconds

    return reached


def in_a_write(store: Path, number: int) -> Callable[[], bool]:
    """The moment in which the store is being written to for so many times: SQLite keeps a journal meanwhile."""
    journal, seen = store.with_name(f"{store.name}-journal"), [False]
    left = [number]

    def reached() -> bool:
        there = journal.exists()
        left[0] -= there and not seen[0]
        seen[0] = there
        return left[0] <= 0

    return reached


def kill_until_done(arguments: Sequence[str], log: Path, store: Path, *, kills: int) -> list[int]:
    """Kill a sweep at random moments so many times, and let it end; exit codes of all tries.

    A sweep that has come to its end before that is followed by another one, whose runs are in a folder of their own.
    """
    draw = random.Random(0)
    codes: list[int] = []
    while (killed := codes.count(-signal.SIGKILL)) < kills:
        runs = f"killed-{codes.count(0)}"
        moment = in_a_write(store, draw.randint(1, 20))
        if killed == 1:
            moment = after(0.2)  # at the start
        elif killed % 2 == 0:
            # So that there is something to go on from.
            moment = after_an_epoch(Path(runs), draw.uniform(0, 0.05) if killed else 0)
        codes.append(end(begin([*arguments, "--runs", runs], log), moment))
    return [*codes, end(begin([*arguments, "--runs", f"killed-{codes.count(0)}"], log))]


def import_all(study: str) -> None:
    """Import before the fork what a sweep imports late."""
    late = ("sklearn.datasets", "torch._dynamo", "mlflow.store.tracking.sqlalchemy_store", "mlflow.data.meta_dataset")
    for name in late:
        importlib.import_module(name)
    load_study(study, profile="smoke", overrides=[])


if __name__ == "__main__":
    study, uri, kills = sys.argv[1:]
    import_all(study)
    sweep = ["sweep", study, "--profile", "smoke", "--device", "cpu", "--tracking-uri"]
    if end(begin([*sweep, "off", "--runs", "undisturbed"], Path("undisturbed.log"))):
        sys.exit("the undisturbed sweep failed; see undisturbed.log")
    store = Path(uri.removeprefix("sqlite:///"))
    print(*kill_until_done([*sweep, uri], Path("killed.log"), store, kills=int(kills)))
    both = [begin([*sweep, uri, "--runs", "both"], Path(f"both-{number}.log")) for number in (1, 2)]
    print(*map(end, both))
