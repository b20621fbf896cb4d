"""Carry out a study: run after run, each logged, a failure of one never taking the others with it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from benchmarks.checkpoints import RunCheckpoints
from benchmarks.config import Execution
from benchmarks.errors import CheckpointError, LockedError
from benchmarks.estimate import estimate_entries
from benchmarks.executors.executor import Executor
from benchmarks.executors.in_process import InProcess
from benchmarks.failures import free_memory
from benchmarks.plan import Entry, plan_of
from benchmarks.progress import Progress
from benchmarks.records import Status
from benchmarks.site import Site
from benchmarks.study import Study
from benchmarks.tracking import Tracker

IN_PROCESS = InProcess()


def run_study(
    study: Study,
    execution: Execution,
    tracker: Tracker,
    *,
    fresh: bool = False,
    executor: Executor = IN_PROCESS,
    reopen: Callable[[], Tracker] | None = None,
    limit: int | None = None,
    estimating: bool = False,
) -> Counter[Status]:
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
    executor : Executor
        Who carries the runs out.
    reopen : callable, optional
        Opens the same store in another process; executors that use any need it.
    limit : int, optional
        Run only so many, the first.
    estimating : bool
        Measure a few steps of each kind of run first, if they run on this machine, and say how long all will take.

    Returns
    -------
    Counter
        How many runs ended in which status; those done by an earlier call are not counted, those left to another
        process are ``running``. A run that fails is logged with its reason, and the next one starts.

    Raises
    ------
    DatasetError, BackendUnavailableError, CheckpointError, TrackingError
        Before the first run, if data, backend, folder or store are not to be had; from workers on other machines, as
        soon as one notices.
    """
    plan = plan_of(study, tracker, checkpoints=execution.checkpoints, fresh=fresh, limit=limit)
    there = sum(entry.done for entry in plan)
    if there:
        print(f"{there} of {len(study.cells)} runs are already there; --fresh runs them again")
        if execution.checkpoints is not None:
            done = {entry.cell.config.run_key for entry in plan if entry.done}
            _clear_leftovers(study.name, done, execution.checkpoints)
    plan = [entry for entry in plan if entry.chosen]
    cells = [entry.cell for entry in plan]
    tally: Counter[Status] = Counter()
    if not cells:
        return tally
    execution = replace(execution, threads=execution.threads or executor.threads, gpu_share=executor.gpu_share)
    site = Site(study.name, study.command, execution, reopen or (lambda: tracker), fresh)
    site.tracker = tracker  # open already, in this process
    _make_folder(execution.checkpoints)
    progress = Progress(_prepared(site, plan, executor, estimating=estimating), executor.at_once or 1)
    bar = tqdm(total=len(cells), desc=study.name, unit="run", disable=not execution.progress)
    with bar, closing(executor.outcomes(site, cells)) as outcomes:
        for number, (cell, outcome) in enumerate(outcomes, start=1):
            tally.update([outcome.status] if outcome.status else [])
            progress.ended(cell.config.run_key, outcome)
            tqdm.write(f"[{number}/{len(cells)}] {cell.title}: {outcome.line}{progress.left()}")
            bar.update()
    return tally


def _clear_leftovers(study: str, done: set[str], root: Path) -> None:
    """Remove the checkpoints of runs that were killed after the store had their result, unless they run again."""
    for run_key in done:
        checkpoints = RunCheckpoints.of(root, study, run_key, {})
        if checkpoints.leaves_files():
            with suppress(LockedError), checkpoints.lock():
                checkpoints.discard()


def _make_folder(checkpoints: Path | None) -> None:
    if checkpoints is not None:
        try:
            checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"cannot use the folder of checkpoints: {error}; name another by --checkpoints"
            ) from error


def _prepared(site: Site, plan: Sequence[Entry], executor: Executor, *, estimating: bool) -> Mapping[str, float]:
    """Load all data before the first run, so that what is missing is said at once; expected seconds by run key."""
    if executor.at_once is None:
        return {}
    for entry in plan:
        site.data(entry.cell.config)
    expected: Mapping[str, float] = {}
    if estimating:
        estimate = estimate_entries(plan, site.execution, lambda config: site.data(config)[0])
        print(estimate.in_lines(executor.at_once))
        expected = estimate.seconds
    if executor.at_once > 1:
        site.loaded.clear()  # each worker loads its own
        free_memory()
    return expected
