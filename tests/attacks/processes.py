"""Command lines of the suite in forked children, so that a try costs no imports."""

import importlib
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.cli.main import main
from benchmarks.cli.parser import add_commands
from benchmarks.tracking import mirror
from reports.cli import add_commands as add_report_commands

for _late in ("sklearn.datasets", "mlflow.store.tracking.sqlalchemy_store", "mlflow.data.meta_dataset"):
    importlib.import_module(_late)
torch.set_num_threads(1)  # a child that was forked from threads would wait for them

PATIENCE = 180.0
"""Seconds after which a child counts as hanging."""

STUDY = """
name = "tiny"
title = "Tiny"
[run]
dataset = "digits"
method = "ann"
architecture = "12"
epochs = 4
train_samples = 100
test_samples = 50
protocol = "smoke"
[grid]
seed = [0, 1]
"""

SWEEP = ["sweep", "tiny.toml", "--profile", "smoke", "--device", "cpu", "--no-estimate"]


def begin(arguments: list[str], log: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """Run a command in a child, after preparing it, and return its process; what it says is in `log`."""
    child = os.fork()
    if child == 0:
        try:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
            signal.signal(signal.SIGINT, signal.default_int_handler)
            torch.set_num_threads(1)
            warnings.resetwarnings()  # of pytest, which makes errors of them
            mirror.INTERVAL = 0.05
            prepare()
            code = main(arguments, add=(add_commands, add_report_commands))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        sys.stdout.flush()
        os._exit(code)
    return child


def end(child: int) -> int:
    """Wait for a child; its exit code, or minus the signal. One that hangs is killed."""
    start = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - start > PATIENCE:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def kill_at(place: object, name: str, number: int, *, after: bool) -> None:
    """Have this process killed at the call of that number of a function, before or after it is done."""
    function, calls = getattr(place, name), [0]

    def call(*args: object, **kwargs: object) -> object:
        calls[0] += 1
        if calls[0] == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(place, name, call)
