"""Work for executors that costs nothing: what a worker does is in its job. Nothing here imports torch."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.executors.executor import Job, Outcome
from benchmarks.platform.interruption import Terminated

PATIENCE = 60.0
"""Seconds after which something hangs."""


@dataclass(frozen=True)
class Toy:
    """Carries out cells that are words; what happens is noted in a folder."""

    folder: Path

    def __call__(self, job: Job) -> Outcome:
        word = str(job.cell)
        try:
            return self.carry_out(word, job)
        except Terminated:
            (self.folder / f"{word}.stopped").touch()
            raise

    def carry_out(self, word: str, job: Job) -> Outcome:
        with (self.folder / word).open("a") as file:
            print(os.getpid(), file=file)
        if job.given_up:
            return Outcome("failed", job.reason)
        if word.startswith("deadly") or (word.startswith("once") and not job.lost):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "cursed":
            raise FileNotFoundError("no data")
        if word.startswith("slow"):
            time.sleep(PATIENCE)
        return Outcome("finished", word)


@dataclass(frozen=True)
class DeadlyToLog(Toy):
    """Not even that a job is given up can be told."""

    def __call__(self, job: Job) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(job)
