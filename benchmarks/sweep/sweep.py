"""Carry out a study: run after run, each with its record, a failure of one never taking the others with it."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.config.execution import Execution
from benchmarks.errors import CheckpointError, LockedError
from benchmarks.executors.executor import Executor
from benchmarks.executors.in_process import InProcess
from benchmarks.platform.atomic import make_writable_folder
from benchmarks.results import Status
from benchmarks.study.study import Study
from benchmarks.sweep.estimate import CellCost, estimate_runs
from benchmarks.sweep.failures import free_memory
from benchmarks.sweep.plan import PlannedRun, plan_of
from benchmarks.sweep.progress import Progress
from benchmarks.sweep.site import Site
from benchmarks.sweep.standing import OTHER_CODE
from benchmarks.sweep.voice import Voice
from benchmarks.tracking import Mirror, Runs
from benchmarks.training.checkpoints import RunCheckpoints

IN_PROCESS = InProcess()

GETTING_READY = "getting ready: data, and how long training steps take"
CATCHING_UP = "bringing MLflow up to date"


def run_study(
    study: Study,
    execution: Execution,
    runs: Runs,
    *,
    mirror: Mirror | None = None,
    fresh: bool = False,
    executor: Executor = IN_PROCESS,
    limit: int | None = None,
    estimating: bool = False,
    keep_models: bool = False,
) -> Counter[Status]:
    """Run every cell of a study that is not done yet.

    Parameters
    ----------
    study : Study
        What to run.
    execution : Execution
        Where. With a folder of checkpoints, a run that was killed goes on after its last epoch.
    runs : Runs
        Receives the records. A run that another process is at work on is left to it.
    mirror : Mirror, optional
        Is kept up to date with them.
    fresh : bool
        Run also what is done, and all from the start.
    executor : Executor
        Who carries the runs out.
    limit : int, optional
        Run only so many, the first.
    estimating : bool
        Measure a few steps of each kind of run first, if they run on this machine, and say how long all will take.
    keep_models : bool
        Keep trained models beside the records, for MLflow, which is needed for it.

    Returns
    -------
    Counter
        How many runs ended in which status; those done by an earlier call are not counted, those left to another
        process are ``running``. A run that fails has its reason in its record, and the next one starts.

    Raises
    ------
    DatasetError, BackendUnavailableError, CheckpointError, TrackingError
        Before the first run, if data, backend or folders are not to be had; from workers on other machines, as
        soon as one notices.
    """
    runs.make_folder()
    _make_folder(execution.checkpoints)
    execution = replace(execution, threads=execution.threads or executor.threads, gpu_share=executor.gpu_share)
    site = Site(study.name, study.command, execution, runs, fresh, keep_models)
    plan = plan_of(study, site, limit=limit)
    done = {planned.cell.config.run_key for planned in plan if planned.done}
    if done:
        others = sum(planned.standing.of_other_code for planned in plan)
        which = f", {others} of them {OTHER_CODE}" if others else ""
        print(f"{len(done)} of {len(study.cells)} runs are already there{which}; --fresh runs them again")
        _clear_leftovers(site, done)
    plan = [planned for planned in plan if planned.chosen]
    with Voice(lambda: GETTING_READY, terminal=execution.progress) as voice:
        costs = _prepared(site, plan, executor, voice, estimating=estimating and bool(plan))
        with mirror.following(runs, study.name) if mirror else nullcontext():
            tally = _outcomes(site, plan, executor, costs, voice)
            voice.turn_to(lambda: CATCHING_UP)
    return tally


def _outcomes(
    site: Site, plan: Sequence[PlannedRun], executor: Executor, costs: Sequence[CellCost], voice: Voice
) -> Counter[Status]:
    """Have the runs of a plan carried out, say where each stands and how it ended, and count."""
    cells, tally = [planned.cell for planned in plan], Counter[Status]()
    if not cells:
        return tally
    progress = Progress(plan, site.runs, site.study, costs=costs, at_once=executor.at_once or 1)
    voice.turn_to(progress.line, progress.look)
    with closing(executor.outcomes(site, cells)) as outcomes:
        for number, (cell, outcome) in enumerate(outcomes, start=1):
            if outcome.record is not None:
                site.runs.adopt(outcome.record)
            tally.update([outcome.status] if outcome.status else [])
            progress.ended(cell.config.run_key, outcome)
            voice.say(f"[{number}/{len(cells)}] {cell.title}: {outcome.line}{progress.left()}")
    return tally


def _clear_leftovers(site: Site, done: set[str]) -> None:
    """Remove the checkpoints of runs that were killed after their record had the result, unless they run again."""
    root = site.execution.checkpoints
    if root is None:
        return
    for run_key in done:
        checkpoints = RunCheckpoints.of(root, site.study, run_key, {})
        if checkpoints.leaves_files():
            with suppress(LockedError), site.runs.lock(site.study, run_key):
                checkpoints.discard()


def _make_folder(checkpoints: Path | None) -> None:
    if checkpoints is not None:
        try:
            make_writable_folder(checkpoints)
        except OSError as error:
            raise CheckpointError(
                f"cannot use the folder of checkpoints: {error}; name another by --checkpoints"
            ) from error


def _prepared(
    site: Site, plan: Sequence[PlannedRun], executor: Executor, voice: Voice, *, estimating: bool
) -> Sequence[CellCost]:
    """Load all data before the first run, so that what is missing is said at once; what the runs will cost."""
    if executor.at_once is None or not plan:
        return ()
    for planned in plan:
        site.data(planned.cell.config)
    costs: Sequence[CellCost] = ()
    if estimating:
        estimate = estimate_runs(plan, site.execution, lambda config: site.data(config)[0])
        voice.say(estimate.in_lines(executor.at_once))
        costs = estimate.costs
    if executor.at_once > 1:
        site.loaded.clear()  # each worker loads its own
        free_memory()
    return costs
