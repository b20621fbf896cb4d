"""The ``tssl`` command line: everything of `benchmarks.cli.commands`, and reports on top of it."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.cli import commands
from benchmarks.cli.commands import EXIT_OK, EXIT_RUN_FAILED, study_of, sweep
from benchmarks.cli.main import main as run_command_line
from benchmarks.cli.options import SweepOptions, add_data_root, add_runs, add_sweep_options, positive
from benchmarks.config.execution import Execution
from benchmarks.errors import ConfigError
from benchmarks.platform.atomic import write_atomically
from benchmarks.study.study import config_path, read_study
from reports import tuning
from reports.compare import comparison, read_side
from reports.kernel_times import kernel_times
from reports.load import ReportError, Results, combined, results_from_csv, results_from_mlflow, results_from_runs
from reports.recheck import Agreement, comparable, recheck
from reports.render import write_report
from reports.selection import filter_runs, results_at

DEFAULT_FOLDER = Path("results")


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Of the commands that write a report."""

    output: Path | None
    bench: Path | None


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions(OutputOptions, SweepOptions):
    """Of ``tssl reproduce``."""


@dataclass(frozen=True, kw_only=True)
class ReportOptions(OutputOptions):
    """Of ``tssl report``."""

    study: str
    from_csv: Path | None
    from_mlflow: str | None
    runs: Path
    also: list[str]
    only: list[str]


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Of ``tssl compare``."""

    a: str
    b: str
    runs: Path
    output: Path | None


@dataclass(frozen=True, kw_only=True)
class RecheckOptions:
    """Of ``tssl recheck``."""

    folder: Path
    epochs: int
    limit: int | None
    device: str
    only: list[str]
    data_root: str | None


def add_commands(subparsers: Any) -> None:
    """Add ``reproduce``, ``report``, ``compare`` and ``recheck`` to a command line."""
    reproduce = subparsers.add_parser("reproduce", help="run a study and write its report")
    add_sweep_options(reproduce)
    add_output(reproduce)
    reproduce.set_defaults(command=reproduce_command, options=ReproduceOptions)

    report = subparsers.add_parser("report", help="write the report of a study again, from the records of its runs")
    report.add_argument("study", help="name of a study")
    source = report.add_mutually_exclusive_group()
    source.add_argument("--from-csv", type=Path, metavar="FOLDER", help="read results.csv there instead of the records")
    source.add_argument("--from-mlflow", metavar="URI", help="read the records that an MLflow store has")
    add_runs(report)
    report.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="PLACE",
        help="more runs: a folder of records, perhaps of another machine, the folder of a report, or an MLflow "
        "tracking URI; may be repeated",
    )
    add_choice(report)
    add_output(report)
    report.set_defaults(command=report_command, options=ReportOptions)

    compare = subparsers.add_parser("compare", help="two studies, or two states of the code, side by side")
    for side in ("a", "b"):
        compare.add_argument(side, help="folder of a report, or a study, with @COMMIT its runs of that commit")
    add_runs(compare)
    compare.add_argument("--output", type=Path, metavar="FILE", help="write the Markdown there instead of printing it")
    compare.set_defaults(command=compare_command, options=CompareOptions)

    again = subparsers.add_parser("recheck", help="does the code at hand give the first epochs of a report's runs?")
    again.add_argument("folder", type=Path, help="of a report, such as reports/rendered/digits")
    again.add_argument("--epochs", type=positive, default=1, metavar="N", help="of each run (default: %(default)s)")
    again.add_argument("--limit", type=positive, metavar="N", help="only the first N runs")
    again.add_argument("--device", default="cpu", help="torch device; runs of its kind alone are looked at")
    add_choice(again)
    add_data_root(again)
    again.set_defaults(command=recheck_command, options=RecheckOptions)


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that look at some of a report's runs."""
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="keep the runs with a value, or one of several, in a column of results.csv; may be repeated",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that write a report."""
    parser.add_argument("--output", type=Path, help=f"folder of the report (default: {DEFAULT_FOLDER}/<study>)")
    parser.add_argument("--bench", type=Path, metavar="JSON", help="show kernel speed, from what nox -s bench wrote")


def reproduce_command(options: ReproduceOptions) -> int:
    """Run a study and write its report, also when some of its runs failed; with ``--dry-run`` neither."""
    study = study_of(options)
    mirror = None if options.dry_run else options.mirror()
    code = sweep(study, options, mirror)
    if options.dry_run:
        return code
    folder = _write(results_from_runs(options.runs, study.name), options, study.title)
    if mirror is not None:
        mirror.log_report(study.name, folder)
        for what, link in mirror.links(study.name).items():
            print(f"{what} in MLflow, where `nox -s mlflow_ui` runs: {link}")
    return code


def report_command(options: ReportOptions) -> int:
    """Write a report again."""
    if options.from_csv:
        results = results_from_csv(options.from_csv, options.study)
    elif options.from_mlflow:
        results = results_from_mlflow(options.from_mlflow, options.study)
    else:
        results = results_from_runs(options.runs, options.study)
    if options.also:
        results = combined([results, *(results_at(place, options.study) for place in options.also)])
    for condition in options.only:
        results = filter_runs(results, condition)
    _write(results, options, _title(options.study))
    return EXIT_OK


def compare_command(options: CompareOptions) -> int:
    """Print what differs between two studies, or two commits of one, and whether it is noise."""
    text = comparison(*(read_side(name, options.runs) for name in (options.a, options.b)))
    if options.output:
        with _writing(options.output):
            write_atomically(options.output, text.encode())
    else:
        print(text, end="")
    return EXIT_OK


def recheck_command(options: RecheckOptions) -> int:
    """Begin runs of a report again and say how they come out; the exit code is 0 if none speaks against the code."""
    results = results_from_csv(options.folder, options.folder.name)
    for condition in options.only:
        results = filter_runs(results, condition)
    execution = Execution(device=options.device, data_root=options.data_root)
    here, tally = comparable(results, execution), Counter[Agreement]()
    count = f"{len(here.runs)} of {len(results.runs)} runs"
    print(f"{options.folder}: {count} have epochs on a device like {options.device}")
    for run in islice(recheck(here, execution, epochs=options.epochs), options.limit):
        tally[run.agreement] += 1
        print(run.line(), flush=True)
    print(", ".join(f"{tally[agreement]} {agreement}" for agreement in Agreement))
    return EXIT_RUN_FAILED if tally[Agreement.CHANGED] or tally[Agreement.UNMADE] else EXIT_OK


def _title(study: str) -> str:
    """Title in the study's own file, or its name if it does not come with the suite."""
    try:
        return read_study(config_path(study)).title
    except ConfigError:
        return study


def _write(results: Results, options: OutputOptions, title: str) -> Path:
    """Write a report, print its path, and return its folder."""
    folder: Path = options.output or DEFAULT_FOLDER / results.study
    if options.bench:
        results = replace(results, kernels=kernel_times(options.bench))
    with _writing(folder):
        path = write_report(results, folder, title=title)
    print(f"report: {path.resolve()}")
    return folder


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in a line that something cannot be written; what it was made from is still there."""
    try:
        yield
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error}; choose another --output, no run is lost") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command_line(arguments, add=(commands.add_commands, tuning.add_commands, add_commands))
