"""Work for executors that costs nothing: what a worker does is in its task. Nothing here imports torch."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.executors.executor import Outcome, Task
from benchmarks.interruption import Terminated

PATIENCE = 60.0
"""Seconds after which something hangs."""


@dataclass(frozen=True)
class Toy:
    """Carries out cells that are words; what happens is noted in a folder."""

    folder: Path

    def __call__(self, task: Task) -> Outcome:
        word = str(task.cell)
        try:
            return self.carry_out(word, task)
        except Terminated:
            (self.folder / f"{word}.stopped").touch()
            raise

    def carry_out(self, word: str, task: Task) -> Outcome:
        with (self.folder / word).open("a") as file:
            print(os.getpid(), file=file)
        if task.given_up:
            return Outcome("failed", task.reason)
        if word.startswith("deadly") or (word.startswith("once") and not task.lost):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "cursed":
            raise FileNotFoundError("no data")
        if word.startswith("slow"):
            time.sleep(PATIENCE)
        return Outcome("finished", word)


@dataclass(frozen=True)
class DeadlyToLog(Toy):
    """Not even that a task is given up can be told."""

    def __call__(self, task: Task) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(task)
