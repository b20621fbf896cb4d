"""Carry out a study: run after run, each logged, a failure of one never taking the others with it."""

import time
import traceback
from collections import Counter
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.checkpoints import RunCheckpoints
from benchmarks.config import Execution, RunConfig
from benchmarks.datasets.dataset import Data, data_root, get_dataset
from benchmarks.determinism import choose_deterministic_kernels
from benchmarks.environment import Environment, describe_environment
from benchmarks.errors import CheckpointError, LockedError, TrackingError
from benchmarks.failures import free_memory, status_and_reason
from benchmarks.records import RunRecord, Status
from benchmarks.study import Cell, Study
from benchmarks.tracking import RunTracker, Tracker
from benchmarks.training import prepare
from benchmarks.training_state import Snapshot, history_of

EXAMPLE_SAMPLES = 2
"""What a trained model is kept with, as an example of its input."""


@dataclass(frozen=True)
class Site:
    """Where a study's runs take place: machine, store, and by `data_key` the data and the environment."""

    study: str
    execution: Execution
    tracker: Tracker
    fresh: bool
    data: Mapping[Hashable, Data]
    environments: Mapping[Hashable, Environment]

    def checkpoints(self, config: RunConfig) -> RunCheckpoints | None:
        """Return the checkpoints of a run, if there are to be any."""
        if self.execution.checkpoints is None:
            return None
        deciding = self.environments[data_key(config)].deciding()
        return RunCheckpoints.of(self.execution.checkpoints, self.study, config.run_key, deciding)


def run_study(study: Study, execution: Execution, tracker: Tracker, *, fresh: bool = False) -> Counter[Status]:
    """Run every cell of a study that is not done yet.

    Parameters
    ----------
    study : Study
        What to run.
    execution : Execution
        Where. With a folder of checkpoints, a run that was killed goes on after its last epoch, and one that another
        process is at work on is left to it.
    tracker : Tracker
        Receives the results.
    fresh : bool
        Run also what is done, and all from the start.

    Returns
    -------
    Counter
        How many runs ended in which status; those done by an earlier call are not counted, those left to another
        process are ``running``. A run that fails is logged with its reason, and the next one starts.

    Raises
    ------
    DatasetError, BackendUnavailableError, CheckpointError, TrackingError
        Before the first run, if data, backend, folder or store are not to be had.
    """
    done = set() if fresh else tracker.done_keys(study.name)
    cells = [cell for cell in study.cells if cell.config.run_key not in done]
    if len(cells) < len(study.cells):
        print(f"{len(study.cells) - len(cells)} of {len(study.cells)} runs are already there; --fresh runs them again")
        if execution.checkpoints is not None:
            _clear_leftovers(study.name, done, execution.checkpoints)
    tally: Counter[Status] = Counter()
    if not cells:
        return tally
    site = _open_site(study, cells, execution, tracker, fresh=fresh)
    for number, cell in enumerate(tqdm(cells, desc=study.name, unit="run", disable=not execution.progress), start=1):
        status, line = _run_cell(cell, site)
        tally.update([status] if status else [])
        tqdm.write(f"[{number}/{len(cells)}] {cell.config.title}: {line}")
        if status == "failed":
            free_memory()
    return tally


def _clear_leftovers(study: str, done: set[str], root: Path) -> None:
    """Remove the checkpoints of runs that were killed after the store had their result, unless they run again."""
    for run_key in done:
        checkpoints = RunCheckpoints.of(root, study, run_key, {})
        if checkpoints.leaves_files():
            with suppress(LockedError), checkpoints.lock():
                checkpoints.discard()


def _open_site(study: Study, cells: list[Cell], execution: Execution, tracker: Tracker, *, fresh: bool) -> Site:
    """Load all data before the first run, so that what is missing is said at once."""
    if execution.checkpoints is not None:
        try:
            execution.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"cannot use the folder of checkpoints: {error}; name another by --checkpoints"
            ) from error
    choose_deterministic_kernels()
    root = data_root(execution.data_root)
    data = {
        key: load_data(config, root) for key, config in {data_key(cell.config): cell.config for cell in cells}.items()
    }
    environments = {
        key: describe_environment(
            execution, command=study.command, data_source=loaded.source, data_checksum=loaded.checksum()
        )
        for key, loaded in data.items()
    }
    return Site(study.name, execution, tracker, fresh, data, environments)


def data_key(config: RunConfig) -> Hashable:
    """Return what the data of a run depend on; images know no time."""
    steps = config.time_steps if get_dataset(config.dataset).events else None
    return config.dataset, config.parameters_of_dataset(), steps


def load_data(config: RunConfig, root: Path) -> Data:
    """Load the dataset of a run as the run wants it."""
    parameters = config.parameters_of_dataset()
    return get_dataset(config.dataset).load(root, parameters=parameters, time_steps=config.time_steps)


def _run_cell(cell: Cell, site: Site) -> tuple[Status | None, str]:
    """Run one cell unless another process does; its status, or None if it was done meanwhile, and a line for people."""
    checkpoints = site.checkpoints(cell.config)
    if checkpoints is None:
        return _carry_out(cell, site, None)
    try:
        with checkpoints.lock():
            # Another sweep may have done it since this one asked, and the result is not to be had before the lock.
            if not site.fresh and site.tracker.is_done(site.study, cell.config.run_key):
                checkpoints.discard()
                return None, "done by another process meanwhile"
            return _carry_out(cell, site, checkpoints)
    except LockedError as error:
        return "running", str(error)


def _carry_out(cell: Cell, site: Site, checkpoints: RunCheckpoints | None) -> tuple[Status, str]:
    """Run one cell from where it stands, and log how it ended."""
    config, environment = cell.config, site.environments[data_key(cell.config)]
    if checkpoints is not None and site.fresh:
        checkpoints.discard()
    snapshot = None if checkpoints is None else checkpoints.newest()
    history = [] if snapshot is None else history_of(snapshot)
    goes_on = checkpoints is not None and not site.fresh
    run = site.tracker.start(site.study, config, environment, done=history if goes_on else None)
    if cell.skip_reason is not None:
        run.close("skipped", cell.skip_reason)
        return "skipped", f"not supported: {cell.skip_reason}"
    start = time.perf_counter()
    try:
        record = run_config(
            config, site.execution, site.data[data_key(config)], run, checkpoints=checkpoints, snapshot=snapshot
        )
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
            run.close("stopped", f"stopped by {type(error).__name__}")
        raise
    seconds = time.perf_counter() - start
    line = f"{record.accuracy_last:.2%} last, {record.accuracy_best:.2%} best, {seconds:.1f} s"
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
