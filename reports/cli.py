"""The ``tssl`` command line: everything of `benchmarks.cli.parser`, and reports on top of it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cli import parser as training
from benchmarks.cli.main import main as run_command_line
from benchmarks.cli.options import (
    SweepOptions,
    TrainingOptions,
    add_data_root,
    add_jobs,
    add_plugins,
    add_runs,
    add_sweep_options,
    add_training_options,
    positive,
    seconds,
)
from benchmarks.cli.tune_options import add_tune
from benchmarks.config.nested import parse_overrides
from benchmarks.defaults import DEFAULT_RESULTS, OFF

DEFAULT_FOLDER = Path(DEFAULT_RESULTS)


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Of the commands that write a report."""

    output: Path | None
    bench: Path | None
    latex: bool


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions(OutputOptions, SweepOptions):
    """Of ``tssl reproduce``."""


@dataclass(frozen=True, kw_only=True)
class TryOptions(TrainingOptions):
    """Of ``tssl try``."""

    method: str
    against: str
    budget: float | None
    only: list[str]
    jobs: int
    output: Path | None

    def __post_init__(self) -> None:
        """Refuse also settings that no run has."""
        super().__post_init__()
        from benchmarks.config.settings import RunSettings
        from benchmarks.config.validation import refuse_wrong

        refuse_wrong(RunSettings, parse_overrides(self.overrides))


@dataclass(frozen=True, kw_only=True)
class ReportOptions(OutputOptions):
    """Of ``tssl report``."""

    study: str
    from_csv: Path | None
    from_mlflow: str | None
    runs: Path
    also: list[str]
    only: list[str]
    alignment: Path | None


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
    plugins: list[Path]
    epochs: int
    limit: int | None
    device: str
    only: list[str]
    data_root: str | None


def add_commands(subparsers: Any) -> None:
    """Add the commands that show things to a command line."""
    add_reproduce(subparsers)
    add_tune(subparsers, "reports.tuning:tune_command")
    add_try(subparsers)
    add_report(subparsers)
    add_compare(subparsers)
    add_recheck(subparsers)


def add_reproduce(subparsers: Any) -> None:
    """Ask for `ReproduceOptions`."""
    reproduce = subparsers.add_parser("reproduce", help="run a study and write its report")
    add_sweep_options(reproduce)
    add_output(reproduce)
    reproduce.set_defaults(command="reports.reproduce:reproduce_command", options=ReproduceOptions)


def add_try(subparsers: Any) -> None:
    """Ask for `TryOptions`."""
    attempt = subparsers.add_parser(
        "try",
        help="a method of your own on the protocol of a report, ranked beside its runs",
        epilog="example: tssl try my_method.py --against digits --budget 10m",
    )
    attempt.add_argument("method", help="a Python file that defines one, perhaps with :preset, or the name of a method")
    attempt.add_argument(
        "--against",
        required=True,
        metavar="REPORT",
        help="a committed report, such as digits, or a folder",
    )
    attempt.add_argument("--budget", type=seconds, metavar="TIME", help="such as 10m: fewer seeds or epochs, to fit it")
    add_training_options(attempt, example="parameters.decay=0.9")
    add_choice(attempt)
    add_jobs(attempt)
    attempt.add_argument("--output", type=Path, metavar="FILE", help="write the rows as CSV, too")
    attempt.set_defaults(command="reports.trying:try_command", options=TryOptions, tracking_uri=OFF)


def add_report(subparsers: Any) -> None:
    """Ask for `ReportOptions`."""
    report = subparsers.add_parser("report", help="write the report of a study again, from the records of its runs")
    report.add_argument("study", help="name of a study, or the path of its .toml file")
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
    report.add_argument(
        "--alignment",
        type=Path,
        metavar="CSV",
        help="show where the gradient points, from python -m benchmarks.alignment",
    )
    add_choice(report)
    add_output(report)
    report.set_defaults(command="reports.actions:report_command", options=ReportOptions)


def add_compare(subparsers: Any) -> None:
    """Ask for `CompareOptions`."""
    compare = subparsers.add_parser("compare", help="two studies, or two states of the code, side by side")
    for side in ("a", "b"):
        compare.add_argument(side, help="folder of a report, or a study, with @COMMIT its runs of that commit")
    add_runs(compare)
    compare.add_argument("--output", type=Path, metavar="FILE", help="write the Markdown there instead of printing it")
    compare.set_defaults(command="reports.actions:compare_command", options=CompareOptions)


def add_recheck(subparsers: Any) -> None:
    """Ask for `RecheckOptions`."""
    again = subparsers.add_parser("recheck", help="does the code at hand give the first epochs of a report's runs?")
    again.add_argument("folder", type=Path, help="of a report, such as reports/rendered/digits")
    again.add_argument("--epochs", type=positive, default=1, metavar="N", help="of each run (default: %(default)s)")
    again.add_argument("--limit", type=positive, metavar="N", help="only the first N runs")
    again.add_argument("--device", default="cpu", help="torch device; runs of its kind alone are looked at")
    add_choice(again)
    add_plugins(again)
    add_data_root(again)
    again.set_defaults(command="reports.actions:recheck_command", options=RecheckOptions)


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
    parser.add_argument("--latex", action="store_true", help="write the main tables for LaTeX, too, as tables.tex")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command_line(arguments, add=(training.add_commands, add_commands))
