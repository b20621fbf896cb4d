"""Several processes on this machine, each with its share of the cores.

A pool of the standard library, or joblib's, is lost as a whole when one of its processes is killed. Here each worker
has a pipe of its own: when it closes, that worker is gone, another takes its place, and the rest go on.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from benchmarks.executors.executor import CarryOut, Job, Outcome, after_loss, perform
from benchmarks.platform.cores import usable_cores
from benchmarks.platform.interruption import EXIT_TERMINATED, Terminated, termination_raises

if TYPE_CHECKING:
    from benchmarks.study.study import Cell

PATIENCE = 60.0
"""Seconds that a worker gets to close its run when it is told to stop; a training step may have to end before."""


@dataclass(frozen=True)
class Processes:
    """The executor of ``--jobs``.

    Parameters
    ----------
    at_once : int
        Number of worker processes.
    """

    at_once: int

    @property
    def threads(self) -> int:
        """A worker's share of the cores: with more threads than cores, OpenMP's threads wait for each other."""
        return max(1, usable_cores() // self.at_once)

    @property
    def gpu_share(self) -> float:
        """An equal part for each worker: all are on the same GPU, and what one takes too much another lacks."""
        return 1 / self.at_once

    def outcomes(self, carry_out: CarryOut, cells: Sequence["Cell"]) -> Generator[tuple["Cell", Outcome]]:
        """Give each worker that is free the next cell until all have ended, see `Executor.outcomes`."""
        waiting = deque(Job(cell) for cell in cells)
        workers: list[Worker] = []
        try:
            while waiting or workers:
                while waiting and len(workers) < self.at_once:
                    workers.append(Worker(carry_out, waiting.popleft()))
                for worker in ready(workers):
                    job, ended = worker.job, worker.ended()
                    if isinstance(ended, Exception):
                        raise ended
                    if isinstance(ended, Job):
                        waiting.appendleft(ended)
                    if waiting and worker.alive:
                        worker.take(waiting.popleft())
                    else:
                        workers.remove(worker)
                        worker.dismiss()
                    if isinstance(ended, Outcome):
                        yield job.cell, ended
        finally:
            stop(workers)


class Worker:
    """A process that carries out one job after another.

    Parameters
    ----------
    carry_out : callable
        Is sent there.
    job : Job
        The first one.
    """

    def __init__(self, carry_out: CarryOut, job: Job) -> None:
        # Never forked: OpenMP's threads do not survive that.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, carry_out), daemon=True)
        # Ctrl-C in a terminal reaches all processes; the workers inherit that it is blocked, and are told by `stop`.
        # The first process of this kind also starts a tracker, which would unblock it.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        theirs.close()
        self.alive = True
        self.take(job)

    def take(self, job: Job) -> None:
        """Begin a job; if the process is gone, `ended` says so."""
        self.job = job
        with suppress(OSError):
            self.connection.send(job)

    def ended(self) -> Outcome | Job | Exception:
        """Return how the job ended, the job that is to take its place, or an error that ends all."""
        try:
            ended: Outcome | Exception = self.connection.recv()
        except (EOFError, OSError):
            self.alive = False
            # Its locks are free only when it is gone entirely.
            self.process.join()
            return after_loss(self.job, how_it_ended(self.process.exitcode))
        return ended

    def dismiss(self) -> None:
        """Let it end, as there is nothing left to do."""
        self.connection.close()
        self.process.join(PATIENCE)


def ready(workers: Sequence[Worker]) -> list[Worker]:
    """Wait until something has come to an end, and return the workers with news."""
    connections = wait([worker.connection for worker in workers])
    return [worker for worker in workers if worker.connection in connections]


def stop(workers: Sequence[Worker]) -> None:
    """Have the workers close their runs as stopped, and wait for that."""
    try:
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + PATIENCE
        for worker in workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for worker in workers:
            worker.process.kill()
            worker.connection.close()


def serve(connection: Connection, carry_out: CarryOut) -> None:
    """Carry out the jobs that arrive, in a process of its own, until there are no more."""
    try:
        with termination_raises(again=signal.SIG_IGN):
            end_with_parent()
            # The other end closes when the work is done or its process is gone.
            with suppress(EOFError, BrokenPipeError, ConnectionResetError):
                while True:
                    connection.send(perform(carry_out, connection.recv()))
    except Terminated:
        sys.exit(EXIT_TERMINATED)


def end_with_parent() -> None:
    """Stop this process when the one that started it is gone, so that nothing goes on unseen."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def how_it_ended(code: int | None) -> str:
    """Say what an exit code means."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    advice = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"killed by {name}{advice}"
