"""Run sweeps and kill them: ``python -m tests.benchmarks.killing``, a process of its own that `test_kill.py` starts.

It imports once and forks for each try, so that a try costs no seconds of imports. Nothing is computed before the fork.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.cli import main

PATIENCE = 120.0
"""Seconds after which a try counts as hanging."""


def attempt(arguments: Sequence[str], log: Path, moment: Callable[[], bool]) -> int:
    """Run a command in a child and kill it at a moment; its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
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


def second_epoch_is_saved(folder: Path) -> bool:
    """The moment at which a run has a second epoch behind it: whatever the speed, there is something to go on from."""
    return any(folder.rglob("epoch-000002-*.pt"))


def kill_until_done(arguments: Sequence[str], checkpoints: Path, log: Path, *, kills: int) -> list[int]:
    """Kill a sweep in the middle of a run, then at random moments, and let it end; exit codes of all tries."""
    draw = random.Random(0)
    first = attempt(arguments, log, lambda: second_epoch_is_saved(checkpoints))
    middle = [attempt(arguments, log, after(draw.uniform(0.1, 1.2))) for _ in range(kills)]
    return [first, *middle, attempt(arguments, log, lambda: False)]


if __name__ == "__main__":
    study, uri, folder, kills = sys.argv[1:]
    sweep = ["sweep", study, "--profile", "smoke", "--device", "cpu", "--tracking-uri"]
    if attempt([*sweep, "json:undisturbed"], Path("undisturbed.log"), lambda: False):
        sys.exit("the undisturbed sweep failed; see undisturbed.log")
    tried = [*sweep, uri, "--checkpoints", folder]
    print(*kill_until_done(tried, Path(folder), Path("killed.log"), kills=int(kills)))
