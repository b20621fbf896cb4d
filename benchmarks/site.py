"""Where the runs of a study take place: data and store of one process, and what happens to a run there."""

import time
import traceback
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from benchmarks.checkpoints import RunCheckpoints
from benchmarks.config import Execution, RunConfig
from benchmarks.datasets.dataset import Data, data_root, get_dataset
from benchmarks.determinism import choose_deterministic_kernels, describe_determinism
from benchmarks.environment import Environment, describe_environment
from benchmarks.errors import LockedError, TrackingError
from benchmarks.executors.executor import Outcome, Task
from benchmarks.failures import free_memory, status_and_reason
from benchmarks.interruption import cause_of
from benchmarks.precision import choose_precision
from benchmarks.records import RunRecord, Status
from benchmarks.tracking import RunTracker, Tracker
from benchmarks.training import prepare
from benchmarks.training_state import Snapshot, history_of

EXAMPLE_SAMPLES = 2
"""What a trained model is kept with, as an example of its input."""


@dataclass(eq=False)
class Site:
    """Where a study's runs take place; called with a task, it carries it out.

    Sent to another process, it opens the store there and loads the data anew, each when it is first needed.

    Parameters
    ----------
    study, command : str
        Name of the study, and what starts it again.
    execution : Execution
        Where and how.
    tracking : callable
        Opens the store; the executor may ask for it to be pickled.
    fresh : bool
        Whether runs start anew.
    """

    study: str
    command: str
    execution: Execution
    tracking: Callable[[], Tracker]
    fresh: bool = False
    loaded: dict[Hashable, tuple[Data, Environment]] = field(default_factory=dict, init=False)

    def __reduce__(self) -> tuple[Any, ...]:
        execution = replace(self.execution, progress=False)  # nobody looks at a worker's bars
        return Site, (self.study, self.command, execution, self.tracking, self.fresh)

    @cached_property
    def tracker(self) -> Tracker:
        """The store of this process."""
        return self.tracking()

    def data(self, config: RunConfig) -> tuple[Data, Environment]:
        """Return the data of a run, loaded once, and its environment.

        Raises
        ------
        DatasetError, BackendUnavailableError, ConfigError
            If data or backend are not to be had, or the device does not compute in the run's precision.
        """
        precision = self.execution.precision_of(config)
        key = data_key(config)
        if key not in self.loaded:
            if self.execution.threads is not None:
                torch.set_num_threads(self.execution.threads)
            data = load_data(config, data_root(self.execution.data_root))
            self.loaded[key] = (
                data,
                describe_environment(
                    self.execution, command=self.command, data_source=data.source, data_checksum=data.checksum()
                ),
            )
        data, environment = self.loaded[key]
        choose_deterministic_kernels(benchmark=self.execution.benchmarks_cudnn(config))
        choose_precision(torch.device(self.execution.device), config.precision)
        return data, replace(environment, precision=precision, determinism=describe_determinism())

    def checkpoints(self, config: RunConfig) -> RunCheckpoints | None:
        """Return the checkpoints of a run, if there are to be any."""
        if self.execution.checkpoints is None:
            return None
        deciding = self.data(config)[1].deciding()
        return RunCheckpoints.of(self.execution.checkpoints, self.study, config.run_key, deciding)

    def __call__(self, task: Task) -> Outcome:
        """Carry out a task, see `benchmarks.executors`."""
        start = time.perf_counter()
        status, line = _run_cell(task, self)
        if status == "failed":
            free_memory()
        return Outcome(status, line, time.perf_counter() - start)


def data_key(config: RunConfig) -> Hashable:
    """Return what the data of a run depend on; images know no time."""
    steps = config.time_steps if get_dataset(config.dataset).events else None
    return config.dataset, config.parameters_of_dataset(), steps


def load_data(config: RunConfig, root: Path) -> Data:
    """Load the dataset of a run as the run wants it."""
    parameters = config.parameters_of_dataset()
    return get_dataset(config.dataset).load(root, parameters=parameters, time_steps=config.time_steps)


def _run_cell(task: Task, site: Site) -> tuple[Status | None, str]:
    """Run one cell unless another process does; its status, or None if it was done meanwhile, and a line for people."""
    checkpoints = site.checkpoints(task.cell.config)
    if checkpoints is None:
        return _carry_out(task, site, None)
    try:
        with checkpoints.lock():
            # Another sweep may have done it since this one asked, and the result is not to be had before the lock.
            if not site.fresh and site.tracker.is_done(site.study, task.cell.config.run_key):
                checkpoints.discard()
                return None, "done by another process meanwhile"
            return _carry_out(task, site, checkpoints)
    except LockedError as error:
        return "running", str(error)


def _carry_out(task: Task, site: Site, checkpoints: RunCheckpoints | None) -> tuple[Status, str]:
    """Run one cell from where it stands, and log how it ended."""
    cell, config = task.cell, task.cell.config
    data, environment = site.data(config)
    fresh = site.fresh and not task.lost  # what a lost worker has done of it is fresh
    if checkpoints is not None and fresh:
        checkpoints.discard()
    snapshot = None if checkpoints is None else checkpoints.newest()
    history = [] if snapshot is None else history_of(snapshot)
    goes_on = checkpoints is not None and not fresh
    run = site.tracker.start(site.study, config, environment, done=history if goes_on else None)
    if cell.skip_reason is not None:
        run.close("skipped", cell.skip_reason)
        return "skipped", f"not supported: {cell.skip_reason}"
    if task.given_up:
        run.close("failed", task.reason)
        return "failed", f"failed: {task.reason}"
    start = time.perf_counter()
    try:
        record = run_config(config, site.execution, data, run, checkpoints=checkpoints, snapshot=snapshot)
    except TrackingError:
        raise
    except Exception as error:
        # The outcome is a row with its reason: a sweep of many hours must not end with its first bad run.
        status, reason = status_and_reason(error, config)
        run.close(status, reason, traceback.format_exc())
        return status, f"{status}: {reason}"
    except BaseException as error:
        # A store that cannot be told leaves the run as running, which goes on just as well.
        with suppress(TrackingError):
            run.close("stopped", f"stopped by {cause_of(error)}")
        raise
    seconds = time.perf_counter() - start
    line = f"{record.headline()}, {seconds:.1f} s"
    return "finished", f"{line}, went on after epoch {len(history)}" if history else line


def run_config(
    config: RunConfig,
    execution: Execution,
    data: Data,
    run: RunTracker,
    *,
    checkpoints: RunCheckpoints | None = None,
    snapshot: Snapshot | None = None,
) -> RunRecord:
    """Train one configuration, log each epoch and the outcome, close the run, and return the outcome.

    Parameters
    ----------
    config, execution, data : RunConfig, Execution, Data
        What to run, where, and the whole of its dataset.
    run : RunTracker
        Already has the epochs of `snapshot`.
    checkpoints : RunCheckpoints, optional
        Gets one after each epoch, before the tracker hears of it; cleared once the tracker has the outcome.
    snapshot : Snapshot, optional
        Where to go on; from the start without it.
    """
    training = prepare(config, execution, data)
    if snapshot is not None:
        training.state.restore(snapshot)
    for record in training.epochs():
        if checkpoints is not None:
            checkpoints.save(training.state)
        run.epoch(record)
    outcome = training.finish(training.state.history)
    samples = torch.arange(min(EXAMPLE_SAMPLES, len(training.data.test)))
    run.model(training.model, training.data.test.batch(samples)[0])
    run.finish(outcome)
    if checkpoints is not None:
        checkpoints.discard()
    return outcome
