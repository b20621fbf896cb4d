"""Run sweeps and kill them: ``python -m tests.benchmarks.killing``, a process of its own that `test_kill.py` starts.

Arguments: a study, and URIs of stores, each with how often to kill. It imports once and forks for each try, so that a
try costs no seconds of imports. Nothing is computed before the fork.
"""

import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.cli import main
from benchmarks.file_tracking import JSON
from benchmarks.study import load_study

PATIENCE = 120.0
"""Seconds after which a try counts as hanging."""


def attempt(arguments: Sequence[str], log: Path, moment: Callable[[], bool]) -> int:
    """Run a command in a child and kill it at a moment; its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        # What a killed child has said is not to be lost with it.
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        code = main(arguments)
        sys.stdout.flush()
        os._exit(code)
    start = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if moment() or time.monotonic() - start > PATIENCE:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


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


def kill_until_done(arguments: Sequence[str], checkpoints: Path, log: Path, *, kills: int) -> list[int]:
    """Kill a sweep at random moments until it has been killed often enough or is done; exit codes of all tries."""
    draw = random.Random(0)
    # The first right after an epoch, so that there is something to go on from; the second at the start.
    moments = [after_an_epoch(checkpoints, 0), after(0.2)]
    codes = [attempt(arguments, log, moment) for moment in moments]
    while len(codes) < kills and codes[-1]:
        codes.append(attempt(arguments, log, after_an_epoch(checkpoints, draw.uniform(0, 0.4))))
    return [*codes, attempt(arguments, log, lambda: False)]


def import_all(study: str) -> None:
    """Import before the fork what a sweep imports late."""
    for name in ("sklearn.datasets", "torch._dynamo", "mlflow.store.tracking.sqlalchemy_store"):
        importlib.import_module(name)
    load_study(study, profile="smoke", overrides=[])


if __name__ == "__main__":
    study, *stores = sys.argv[1:]
    import_all(study)
    sweep = ["sweep", study, "--profile", "smoke", "--device", "cpu", "--tracking-uri"]
    if attempt([*sweep, f"{JSON}undisturbed"], Path("undisturbed.log"), lambda: False):
        sys.exit("the undisturbed sweep failed; see undisturbed.log")
    for number, (uri, kills) in enumerate(zip(stores[::2], map(int, stores[1::2]), strict=True)):
        folder = Path(f"checkpoints-{number}")
        arguments = [*sweep, uri, "--checkpoints", str(folder)]
        print(*kill_until_done(arguments, folder, Path(f"killed-{number}.log"), kills=kills))
