"""The ``tssl`` command line: everything of `benchmarks.cli`, and reports on top of it."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import cli
from benchmarks.atomic import write_atomically
from benchmarks.config import Execution
from benchmarks.data_cli import add_data_root
from benchmarks.errors import ConfigError
from benchmarks.study import config_path, read_study
from benchmarks.sweep_options import add_sweep_options, positive
from reports.compare import comparison, read_side
from reports.kernel_times import kernel_times
from reports.load import ReportError, Results, combined, results_from_csv, results_from_mlflow, results_from_runs
from reports.recheck import Agreement, comparable, recheck
from reports.render import write_report
from reports.selection import chosen, results_at

DEFAULT_FOLDER = Path("results")


def add_commands(subparsers: Any) -> None:
    """Add ``reproduce``, ``report``, ``compare`` and ``recheck`` to a command line."""
    reproduce = subparsers.add_parser("reproduce", help="run a study and write its report")
    cli.add_study_options(reproduce)
    add_sweep_options(reproduce)
    add_output(reproduce)
    reproduce.set_defaults(command=reproduce_command)

    report = subparsers.add_parser("report", help="write the report of a study again, from the records of its runs")
    report.add_argument("study", help="name of a study")
    source = report.add_mutually_exclusive_group()
    source.add_argument("--from-csv", type=Path, metavar="FOLDER", help="read results.csv there instead of the records")
    source.add_argument("--from-mlflow", metavar="URI", help="read the records that an MLflow store has")
    cli.add_runs(report)
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
    report.set_defaults(command=report_command)

    compare = subparsers.add_parser("compare", help="two studies, or two states of the code, side by side")
    for side in ("a", "b"):
        compare.add_argument(side, help="folder of a report, or a study, with @COMMIT its runs of that commit")
    cli.add_runs(compare)
    compare.add_argument("--output", type=Path, metavar="FILE", help="write the Markdown there instead of printing it")
    compare.set_defaults(command=compare_command)

    again = subparsers.add_parser("recheck", help="does the code at hand give the first epochs of a report's runs?")
    again.add_argument("folder", type=Path, help="of a report, such as reports/rendered/digits")
    again.add_argument("--epochs", type=positive, default=1, metavar="N", help="of each run (default: %(default)s)")
    again.add_argument("--limit", type=positive, metavar="N", help="only the first N runs")
    again.add_argument("--device", default="cpu", help="torch device; runs of its kind alone are looked at")
    add_choice(again)
    add_data_root(again)
    again.set_defaults(command=recheck_command)


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


def reproduce_command(arguments: argparse.Namespace) -> int:
    """Run a study and write its report, also when some of its runs failed; with ``--dry-run`` neither."""
    study = cli.study_of(arguments)
    mirror = None if arguments.dry_run else cli.mirror_of(arguments)
    code = cli.sweep(study, arguments, mirror)
    if arguments.dry_run:
        return code
    folder = _write(results_from_runs(arguments.runs, study.name), arguments, study.title)
    if mirror is not None:
        mirror.log_report(study.name, folder)
    return code


def report_command(arguments: argparse.Namespace) -> int:
    """Write a report again."""
    if arguments.from_csv:
        results = results_from_csv(arguments.from_csv, arguments.study)
    elif arguments.from_mlflow:
        results = results_from_mlflow(arguments.from_mlflow, arguments.study)
    else:
        results = results_from_runs(arguments.runs, arguments.study)
    if arguments.also:
        results = combined([results, *(results_at(place, arguments.study) for place in arguments.also)])
    for condition in arguments.only:
        results = chosen(results, condition)
    _write(results, arguments, _title(arguments.study))
    return cli.EXIT_OK


def compare_command(arguments: argparse.Namespace) -> int:
    """Print what differs between two studies, or two commits of one, and whether it is noise."""
    text = comparison(*(read_side(name, arguments.runs) for name in (arguments.a, arguments.b)))
    if arguments.output:
        with _writing(arguments.output):
            write_atomically(arguments.output, text.encode())
    else:
        print(text, end="")
    return cli.EXIT_OK


def recheck_command(arguments: argparse.Namespace) -> int:
    """Begin runs of a report again and say how they come out; the exit code is 0 if none speaks against the code."""
    results = results_from_csv(arguments.folder, arguments.folder.name)
    for condition in arguments.only:
        results = chosen(results, condition)
    execution = Execution(device=arguments.device, data_root=arguments.data_root)
    here, tally = comparable(results, execution), Counter[Agreement]()
    count = f"{len(here.runs)} of {len(results.runs)} runs"
    print(f"{arguments.folder}: {count} have epochs on a device like {arguments.device}")
    for run in islice(recheck(here, execution, epochs=arguments.epochs), arguments.limit):
        tally[run.agreement] += 1
        print(run.line(), flush=True)
    print(", ".join(f"{tally[agreement]} {agreement}" for agreement in Agreement))
    return cli.EXIT_RUN_FAILED if tally[Agreement.CHANGED] or tally[Agreement.UNMADE] else cli.EXIT_OK


def _title(study: str) -> str:
    """Title in the study's own file, or its name if it does not come with the suite."""
    try:
        return read_study(config_path(study)).title
    except ConfigError:
        return study


def _write(results: Results, arguments: argparse.Namespace, title: str) -> Path:
    """Write a report, print its path, and return its folder."""
    folder: Path = arguments.output or DEFAULT_FOLDER / results.study
    if arguments.bench:
        results = replace(results, kernels=kernel_times(arguments.bench))
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
    return cli.main(arguments, add=(cli.add_commands, add_commands))
