"""The ``tssl`` commands that run things; `reports.cli` adds those that show them."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.config import Execution, validate_run
from benchmarks.data_cli import add_data_command, add_data_root
from benchmarks.errors import ConfigError, TrackingError
from benchmarks.estimate import data_or_stand_in, estimate_entries
from benchmarks.executors.processes import Processes
from benchmarks.interruption import EXIT_TERMINATED, Terminated, termination_raises
from benchmarks.nested import merge, parse_override, read_toml
from benchmarks.plan import Entry, plan_of
from benchmarks.selection import only
from benchmarks.site import Site
from benchmarks.study import PROFILES, Study, command_line, default_profile, load_study, single_run
from benchmarks.sweep import run_study
from benchmarks.sweep_options import add_selection_options, add_sweep_options, executor_of, positive
from benchmarks.tracking import DEFAULT_RUNS, DEFAULT_TRACKING_URI, TRACKING_OFF, Mirror, Runs, open_mirror
from tssl_core.errors import TSSLError

Command = Callable[[argparse.Namespace], int]

EXIT_OK, EXIT_RUN_FAILED, EXIT_USER_ERROR, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 0, 1, 2, 130, 141

DEFAULT_CHECKPOINTS = "checkpoints"
OFF = "off"


def add_commands(subparsers: Any) -> None:
    """Add ``run``, ``sweep``, ``estimate``, ``sync`` and ``data`` to a command line."""
    run = subparsers.add_parser("run", help="train one configuration")
    run.add_argument("config", nargs="?", type=Path, help="TOML file with the keys of a run; --set can give them all")
    run.add_argument("--study", default="runs", help="that the run belongs to (default: %(default)s)")
    add_execution_options(run)
    run.set_defaults(command=run_command, log_model=True)

    sweep = subparsers.add_parser("sweep", help="run a study without making its report")
    add_study_options(sweep)
    add_sweep_options(sweep)
    sweep.set_defaults(command=sweep_command)

    estimate = subparsers.add_parser("estimate", help="how long a study would take here, from a few measured steps")
    add_study_options(estimate)
    add_selection_options(estimate)
    estimate.set_defaults(command=estimate_command)

    sync = subparsers.add_parser("sync", help="bring MLflow up to date with the records of runs")
    sync.add_argument("study", nargs="?", help="name of a study (default: all that have records)")
    add_runs(sync)
    add_tracking_uri(sync, "MLflow tracking URI")
    sync.set_defaults(command=sync_command)

    add_data_command(subparsers)


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that run a study."""
    parser.add_argument("study", help="name of a study that comes with the suite, or the path of a .toml file")
    parser.add_argument("--profile", choices=PROFILES, help="default: paper with a CUDA device, else quick")
    add_execution_options(parser)


def add_execution_options(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that train."""
    defaults = Execution()
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the configuration, such as run.epochs=3; may be repeated",
    )
    parser.add_argument("--device", default=defaults.device, help="torch device (default: %(default)s)")
    parser.add_argument("--backend", default=defaults.backend, help="implementation of the neurons (default: auto)")
    switch = argparse.BooleanOptionalAction
    parser.add_argument(
        "--cuda-graphs",
        action=switch,
        default=defaults.cuda_graphs,
        help="on a GPU, record a training step and replay it, which takes Python less time",
    )
    parser.add_argument(
        "--cudnn-benchmark",
        action=switch,
        default=defaults.cudnn_benchmark,
        help="on a GPU, let cuDNN time its deterministic algorithms and keep the fastest, which other processes may "
        "not choose (default: for a precision of 16 bits)",
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="of torch on the CPU (default: all cores, shared among --jobs)"
    )
    parser.add_argument("--fresh", action="store_true", help="run again what is already there, from the start")
    parser.add_argument(
        "--checkpoints",
        metavar="FOLDER",
        default=DEFAULT_CHECKPOINTS,
        help=f"keeps where unfinished runs stand, so that they can go on; {OFF!r} for none (default: %(default)s)",
    )
    add_data_root(parser)
    add_runs(parser)
    add_tracking_uri(parser, f"MLflow tracking URI, or {TRACKING_OFF!r}")
    parser.add_argument("--log-model", action=switch, default=False, help="keep trained models; default: only tssl run")
    parser.add_argument(
        "--system-metrics", action=switch, default=True, help="log the use of the machine where psutil is installed"
    )


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that use the records of runs."""
    parser.add_argument(
        "--runs", type=Path, default=Path(DEFAULT_RUNS), metavar="FOLDER", help="of the records (default: %(default)s)"
    )


def add_tracking_uri(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Option of the commands that use MLflow."""
    parser.add_argument("--tracking-uri", default=DEFAULT_TRACKING_URI, help=f"{help_text} (default: %(default)s)")


def execution_of(arguments: argparse.Namespace) -> Execution:
    """Where the command line says that runs take place; bars are drawn for people only."""
    return Execution(
        checkpoints=None if arguments.checkpoints == OFF else Path(arguments.checkpoints),
        device=arguments.device,
        backend=arguments.backend,
        data_root=arguments.data_root,
        progress=sys.stderr.isatty(),
        threads=arguments.threads,
        elsewhere=getattr(arguments, "address", None) is not None,
        cuda_graphs=arguments.cuda_graphs,
        cudnn_benchmark=arguments.cudnn_benchmark,
    )


def run_command(arguments: argparse.Namespace) -> int:
    """Train one configuration."""
    values = read_toml(arguments.config) if arguments.config else {}
    for text in arguments.overrides:
        values = merge(values, parse_override(text))
    path = [] if arguments.config is None else [str(arguments.config)]
    command = command_line("run", path, arguments.overrides)
    return carry_out(single_run(arguments.study, validate_run(values), command), arguments, mirror_of(arguments))


def sweep_command(arguments: argparse.Namespace) -> int:
    """Run a study, or say what would run."""
    return sweep(study_of(arguments), arguments)


def estimate_command(arguments: argparse.Namespace) -> int:
    """Say what is left of a study costs on this machine."""
    site, entries = plan_of_command(study_of(arguments), arguments)
    estimate = estimate_entries(entries, site.execution, data_or_stand_in(site.execution))
    print(estimate.table())
    print(estimate.in_lines(arguments.jobs))
    return EXIT_OK


def sync_command(arguments: argparse.Namespace) -> int:
    """Bring MLflow up to date with the records of a study, or of all."""
    runs = Runs(arguments.runs)
    studies = [arguments.study] if arguments.study else runs.studies()
    mirror = open_mirror(arguments.tracking_uri)
    if mirror is None:
        raise ConfigError(f"--tracking-uri {TRACKING_OFF} is no MLflow; name the one to bring up to date")
    for study in studies:
        records = len(runs.files(study))
        if not records:
            raise TrackingError(f"study {study!r} has no runs in {runs.root}; there are: {', '.join(runs.studies())}")
        print(f"{study}: {mirror.sync(runs, study)} of {records} runs were not up to date in {arguments.tracking_uri}")
    return EXIT_OK


def study_of(arguments: argparse.Namespace) -> Study:
    """Return the study that the command line names, or the part of it."""
    profile = arguments.profile or default_profile(execution_of(arguments))
    study = only(load_study(arguments.study, profile=profile, overrides=arguments.overrides), arguments.only)
    # What bits depend on beside the configuration belongs to the command that makes the numbers again.
    jobs, threads = getattr(arguments, "jobs", 1), arguments.threads
    options = (f" --jobs {jobs}" if jobs > 1 else "") + (f" --threads {threads}" if threads else "")
    if (benchmark := arguments.cudnn_benchmark) is not None:
        options += " --cudnn-benchmark" if benchmark else " --no-cudnn-benchmark"
    return replace(study, command=study.command + options)


def sweep(study: Study, arguments: argparse.Namespace, mirror: Mirror | None = None) -> int:
    """Run a study as the options say; with ``--dry-run`` list its runs and their cost."""
    estimating = not arguments.no_estimate
    executor = executor_of(arguments)
    if not arguments.dry_run:
        estimating = estimating and study.profile != "smoke"  # seconds of work, which measuring would double
        mirror = mirror or mirror_of(arguments)
        return carry_out(study, arguments, mirror, executor=executor, limit=arguments.limit, estimating=estimating)
    site, entries = plan_of_command(study, arguments)
    print("\n".join(entry.line() for entry in entries))
    if estimating and not site.execution.elsewhere:
        estimate = estimate_entries(entries, site.execution, data_or_stand_in(site.execution))
        print(estimate.in_lines(arguments.jobs))
    return EXIT_OK


def plan_of_command(study: Study, arguments: argparse.Namespace) -> tuple[Site, list[Entry]]:
    """How each run of a study stands, and where it would take place: with the threads that it would have."""
    execution = execution_of(arguments)
    if arguments.jobs > 1:
        execution = replace(execution, threads=execution.threads or Processes(arguments.jobs).threads)
    site = Site(study.name, study.command, execution, Runs(arguments.runs), arguments.fresh)
    return site, plan_of(study, site, limit=arguments.limit)


def mirror_of(arguments: argparse.Namespace) -> Mirror | None:
    """Return the MLflow that the command line names, if it names one."""
    return open_mirror(arguments.tracking_uri, system_metrics=arguments.system_metrics)


def carry_out(study: Study, arguments: argparse.Namespace, mirror: Mirror | None, **options: Any) -> int:
    """Run a study and say how it went; the exit code is 0 only if every run has a result.

    Parameters
    ----------
    study, arguments, mirror : Study, Namespace, Mirror
        What to run, the command line, and the MLflow that it names.
    **options
        Of `run_study`.
    """
    in_mlflow = f", mirrored in {arguments.tracking_uri}" if mirror else ""
    print(f"study {study.name} ({study.profile}): {len(study.cells)} runs, kept in {arguments.runs}{in_mlflow}")
    options |= {"fresh": arguments.fresh, "keep_models": arguments.log_model and mirror is not None}
    tally = run_study(study, execution_of(arguments), Runs(arguments.runs), mirror=mirror, **options)
    if tally:
        print(f"study {study.name}: " + ", ".join(f"{count} {status}" for status, count in tally.items()))
    return EXIT_RUN_FAILED if tally["failed"] or tally["diverged"] or tally["running"] else EXIT_OK


def main(arguments: Sequence[str] | None = None, *, add: Sequence[Callable[[Any], None]] = (add_commands,)) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The process's own by default.
    add : sequence of callable
        Each adds commands.
    """
    parser = argparse.ArgumentParser(prog="tssl", description="Reproduce TSSL-BP and compare it with other methods.")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for add_to in add:
        add_to(subparsers)
    parsed = parser.parse_args(arguments)
    command: Command = parsed.command
    try:
        with termination_raises():
            code = command(parsed)
            sys.stdout.flush()
            return code
    except TSSLError as error:
        print(f"tssl: error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except (KeyboardInterrupt, Terminated) as stop:
        print(f"tssl: stopped; go on with: {command_to_go_on(arguments)}", file=sys.stderr)
        return EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who read the output has had enough, such as `head`; what Python still holds of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def command_to_go_on(arguments: Sequence[str] | None) -> str:
    """The command that was typed, except that it does not start afresh."""
    typed = sys.orig_argv if arguments is None else ["tssl", *arguments]
    return shlex.join(part for part in typed if part != "--fresh")
