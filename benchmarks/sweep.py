"""Carry out a study: run after run, each logged, a failure of one never taking the others with it."""

import time
import traceback
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.config import Execution, RunConfig
from benchmarks.datasets.dataset import Data, data_root, get_dataset
from benchmarks.environment import Environment, describe_environment
from benchmarks.errors import DivergedError, TrackingError
from benchmarks.records import RunRecord, Status
from benchmarks.study import Cell, Study
from benchmarks.tracking import RunTracker, Tracker
from benchmarks.training import prepare


@dataclass(frozen=True)
class Site:
    """Where a study's runs take place: machine, store, and by `data_key` the data and the environment."""

    study: str
    execution: Execution
    tracker: Tracker
    data: Mapping[Hashable, Data]
    environments: Mapping[Hashable, Environment]


def run_study(study: Study, execution: Execution, tracker: Tracker, *, fresh: bool = False) -> Counter[Status]:
    """Run every cell of a study that is not done yet.

    Parameters
    ----------
    study : Study
        What to run.
    execution : Execution
        Where.
    tracker : Tracker
        Receives the results.
    fresh : bool
        Run also what is done.

    Returns
    -------
    Counter
        How many runs ended in which status; those done by an earlier call are not counted. A run that fails is
        logged with its reason, and the next one starts.

    Raises
    ------
    DatasetError, BackendUnavailableError, TrackingError
        Before the first run, if data, backend or store are not to be had.
    """
    done = set() if fresh else tracker.done_keys(study.name)
    cells = [cell for cell in study.cells if cell.config.run_key not in done]
    if len(cells) < len(study.cells):
        print(f"{len(study.cells) - len(cells)} of {len(study.cells)} runs are already there; --fresh runs them again")
    tally: Counter[Status] = Counter()
    if not cells:
        return tally
    site = _open_site(study, cells, execution, tracker)
    for number, cell in enumerate(tqdm(cells, desc=study.name, unit="run", disable=not execution.progress), start=1):
        status, line = _run_cell(cell, site)
        tally[status] += 1
        tqdm.write(f"[{number}/{len(cells)}] {cell.config.title}: {line}")
    return tally


def _open_site(study: Study, cells: list[Cell], execution: Execution, tracker: Tracker) -> Site:
    """Load all data before the first run, so that what is missing is said at once."""
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
    return Site(study.name, execution, tracker, data, environments)


def data_key(config: RunConfig) -> Hashable:
    """Return what the data of a run depend on; images know no time."""
    steps = config.time_steps if get_dataset(config.dataset).events else None
    return config.dataset, config.parameters_of_dataset(), steps


def load_data(config: RunConfig, root: Path) -> Data:
    """Load the dataset of a run as the run wants it."""
    parameters = config.parameters_of_dataset()
    return get_dataset(config.dataset).load(root, parameters=parameters, time_steps=config.time_steps)


def _run_cell(cell: Cell, site: Site) -> tuple[Status, str]:
    """Run one cell and say how it ended: its status, and a line for people."""
    config = cell.config
    run = site.tracker.start(site.study, config, site.environments[data_key(config)])
    if cell.skip_reason is not None:
        run.close("skipped", cell.skip_reason)
        return "skipped", f"not supported: {cell.skip_reason}"
    start = time.perf_counter()
    try:
        record = run_config(config, site.execution, site.data[data_key(config)], run)
    except TrackingError:
        raise
    except Exception as error:
        # The outcome is a row with its reason: a sweep of many hours must not end with its first bad run.
        status: Status = "diverged" if isinstance(error, DivergedError) else "failed"
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        run.close(status, reason, traceback.format_exc())
        return status, f"{status}: {reason}"
    except BaseException as error:
        run.close("stopped", f"stopped by {type(error).__name__}")
        raise
    seconds = time.perf_counter() - start
    return "finished", f"{record.accuracy_last:.2%} last, {record.accuracy_best:.2%} best, {seconds:.1f} s"


def run_config(config: RunConfig, execution: Execution, data: Data, run: RunTracker) -> RunRecord:
    """Train one configuration, log each epoch and the outcome, close the run, and return the outcome."""
    training = prepare(config, execution, data)
    history = []
    for record in training.epochs():
        run.epoch(record)
        history.append(record)
    outcome = training.finish(history)
    run.finish(outcome)
    return outcome
