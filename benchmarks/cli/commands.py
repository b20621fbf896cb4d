"""What the ``tssl`` commands do that run things, see `benchmarks.cli.parser`."""

import shlex
from dataclasses import replace
from typing import Any

from benchmarks.cli.main import EXIT_OK, EXIT_RUN_FAILED
from benchmarks.cli.options import RunOptions, StudyOptions, SweepOptions, TrainingOptions
from benchmarks.cli.parser import SyncOptions
from benchmarks.config.run import validate_run
from benchmarks.defaults import DEFAULT_STUDY
from benchmarks.errors import ConfigError, DatasetError, TrackingError
from benchmarks.executors.processes import Processes
from benchmarks.study.selection import select_cells
from benchmarks.study.study import Study, command_line, default_profile, load_study, repeated, single_run
from benchmarks.sweep.estimate import estimate_runs
from benchmarks.sweep.plan import PlannedRun, plan_of
from benchmarks.sweep.site import Site
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import TRACKING_OFF, Mirror, Runs, open_mirror


def run_command(options: RunOptions) -> int:
    """Train one configuration."""
    arguments = [] if options.config is None else [str(options.config)]
    if options.study != DEFAULT_STUDY:
        arguments += ["--study", options.study]
    command = command_line("run", arguments, options.overrides) + deciding_options(options)
    return carry_out(single_run(options.study, validate_run(options.settings), command), options, options.mirror())


def sweep_command(options: SweepOptions) -> int:
    """Run a study, or say what would run."""
    return sweep(study_of(options), options)


def estimate_command(options: StudyOptions) -> int:
    """Say what is left of a study costs on this machine."""
    site, plan = plan_here(study_of(options), options, jobs=options.jobs, limit=options.limit)
    estimate = estimate_runs(plan, site.execution, site.data_at_hand)
    print(estimate.table())
    print(estimate.in_lines(options.jobs))
    return EXIT_OK


def sync_command(options: SyncOptions) -> int:
    """Bring MLflow up to date with the records of a study, or of all."""
    runs = Runs(options.runs)
    studies = [options.study] if options.study else runs.studies()
    mirror = open_mirror(options.tracking_uri)
    if mirror is None:
        raise ConfigError(f"--tracking-uri {TRACKING_OFF} is no MLflow; name the one to bring up to date")
    for study in studies:
        records = len(runs.files(study))
        if not records:
            raise TrackingError(f"study {study!r} has no runs in {runs.root}; there are: {', '.join(runs.studies())}")
        print(f"{study}: {mirror.sync(runs, study)} of {records} runs were not up to date in {options.tracking_uri}")
    return EXIT_OK


def study_of(options: StudyOptions) -> Study:
    """Return the study that is named, or the part of it."""
    profile = options.profile or default_profile(options.execution())
    study = select_cells(load_study(options.study, profile=profile, overrides=options.overrides), options.only)
    return replace(study, command=study.command + deciding_options(options, options.jobs))


def deciding_options(options: TrainingOptions, jobs: int = 1) -> str:
    """What bits depend on beside the configuration, for the command that makes the numbers again."""
    typed = repeated("--plugin", options.plugins)
    typed += ["--jobs", str(jobs)] if jobs > 1 else []
    typed += ["--threads", str(options.threads)] if options.threads else []
    if options.cudnn_benchmark is not None:
        typed.append("--cudnn-benchmark" if options.cudnn_benchmark else "--no-cudnn-benchmark")
    return "".join(f" {shlex.quote(part)}" for part in typed)


def sweep(study: Study, options: SweepOptions, mirror: Mirror | None = None) -> int:
    """Run a study as the options say; with ``--dry-run`` list its runs and their cost."""
    estimating = not options.no_estimate
    executor = options.make_executor()
    if not options.dry_run:
        estimating = estimating and study.profile != "smoke"  # seconds of work, which measuring would double
        mirror = mirror or options.mirror()
        return carry_out(study, options, mirror, executor=executor, limit=options.limit, estimating=estimating)
    site, plan = plan_here(study, options, jobs=options.jobs, limit=options.limit)
    print("\n".join(planned.line() for planned in plan))
    if estimating and not site.execution.elsewhere:
        try:
            print(estimate_runs(plan, site.execution, site.data_at_hand).in_lines(options.jobs))
        except DatasetError as error:
            print(f"no estimate: {error}")
    return EXIT_OK


def plan_here(
    study: Study, options: TrainingOptions, *, jobs: int, limit: int | None = None
) -> tuple[Site, list[PlannedRun]]:
    """How each run of a study stands, and where it would take place: with the threads that it would have."""
    execution = options.execution()
    if jobs > 1:
        execution = replace(execution, threads=execution.threads or Processes(jobs).threads)
    site = Site(study.name, study.command, execution, Runs(options.runs), options.fresh)
    return site, plan_of(study, site, limit=limit)


def carry_out(study: Study, options: TrainingOptions, mirror: Mirror | None, **how: Any) -> int:
    """Run a study and say how it went; the exit code is 0 only if every run has a result.

    Parameters
    ----------
    study, options, mirror : Study, TrainingOptions, Mirror
        What to run, what was typed, and the MLflow that it names.
    **how
        Of `run_study`.
    """
    in_mlflow = f", mirrored in {options.tracking_uri}" if mirror else ""
    print(f"study {study.name} ({study.profile}): {len(study.cells)} runs, kept in {options.runs}{in_mlflow}")
    how |= {"fresh": options.fresh, "keep_models": options.log_model and mirror is not None}
    tally = run_study(study, options.execution(), Runs(options.runs), mirror=mirror, **how)
    if tally:
        print(f"study {study.name}: " + ", ".join(f"{count} {status}" for status, count in tally.items()))
    return EXIT_RUN_FAILED if tally["failed"] or tally["diverged"] or tally["running"] else EXIT_OK
