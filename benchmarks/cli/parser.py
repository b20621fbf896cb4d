"""The ``tssl`` commands that run things, and what each can be told; `reports.cli` adds those that show them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cli.options import (
    RunOptions,
    StudyOptions,
    SweepOptions,
    add_data_root,
    add_runs,
    add_study_options,
    add_sweep_options,
    add_tracking_uri,
    add_training_options,
)
from benchmarks.defaults import DEFAULT_DT, DEFAULT_STUDY

LISTED = ("studies", "methods", "datasets", "metrics")


@dataclass(frozen=True, kw_only=True)
class SyncOptions:
    """Of ``tssl sync``."""

    study: str | None
    runs: Path
    tracking_uri: str


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Of ``tssl export-nir``."""

    model: str
    file: Path
    dt: float


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Of ``tssl list``."""

    kind: str | None


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Of ``tssl show``."""

    name: str
    runs: Path


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Of ``tssl data list``, and of the other actions on datasets."""

    data_root: str | None


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(DataOptions):
    """Of ``tssl data prepare``."""

    names: list[str]
    source: str | None


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(DataOptions):
    """Of ``tssl data verify``."""

    names: list[str]


def add_commands(subparsers: Any) -> None:
    """Add the commands that need nothing of reports to a command line."""
    run = subparsers.add_parser(
        "run",
        help="train one configuration",
        epilog="example: tssl run --set dataset=digits --set method=tssl_bp --set architecture=100 --set epochs=3",
    )
    run.add_argument("config", nargs="?", type=Path, help="TOML file with the keys of a run; --set can give them all")
    run.add_argument("--study", default=DEFAULT_STUDY, help="that the run belongs to (default: %(default)s)")
    add_training_options(run, example="epochs=3 or optimizer.learning_rate=1e-3")
    run.set_defaults(command="benchmarks.cli.commands:run_command", options=RunOptions, log_model=True)

    sweep = subparsers.add_parser("sweep", help="run a study without making its report")
    add_sweep_options(sweep)
    sweep.set_defaults(command="benchmarks.cli.commands:sweep_command", options=SweepOptions)

    estimate = subparsers.add_parser("estimate", help="how long a study would take here, from a few measured steps")
    add_study_options(estimate)
    estimate.set_defaults(command="benchmarks.cli.commands:estimate_command", options=StudyOptions)

    sync = subparsers.add_parser("sync", help="bring MLflow up to date with the records of runs")
    sync.add_argument("study", nargs="?", help="name of a study (default: all that have records)")
    add_runs(sync)
    add_tracking_uri(sync, "MLflow tracking URI")
    sync.set_defaults(command="benchmarks.cli.commands:sync_command", options=SyncOptions)

    export = subparsers.add_parser(
        "export-nir",
        help="write a trained TSSL-BP network in NIR, which other libraries read",
        epilog="example: tssl export-nir runs/runs/4f1d60c29be1a873/model network.nir",
    )
    export.add_argument("model", help="folder of a kept model (docs/mlflow.md), or a pretrained network's name")
    export.add_argument("file", type=Path, help="where to write it; one that is there is replaced")
    export.add_argument(
        "--dt",
        type=float,
        default=DEFAULT_DT,
        help="seconds a time step, as its reader has (default: %(default)s)",
    )
    export.set_defaults(command="benchmarks.export.command:export_command", options=ExportOptions)

    listing = subparsers.add_parser("list", help="what studies, methods, datasets and metrics there are")
    listing.add_argument("kind", nargs="?", choices=LISTED, help="only these")
    listing.set_defaults(command="benchmarks.cli.catalogue:list_command", options=ListOptions)

    show = subparsers.add_parser("show", help="what is known of a study, method, dataset or metric; newest results")
    show.add_argument("name", metavar="NAME", help="see `tssl list`; of a method also with a preset")
    add_runs(show)
    show.set_defaults(command="benchmarks.cli.catalogue:show_command", options=ShowOptions)

    add_data_command(subparsers)


def add_data_command(subparsers: Any) -> None:
    """Add ``data`` with its actions to a command line."""
    data = subparsers.add_parser("data", help="list datasets, get them, check them")
    actions = data.add_subparsers(required=True, metavar="action")

    listing = actions.add_parser("list", help="what datasets there are, and where they can be had")
    listing.set_defaults(command="benchmarks.cli.data:list_command", options=DataOptions)

    prepare = actions.add_parser("prepare", help="get what is missing of datasets")
    prepare.add_argument("names", nargs="+", metavar="NAME", help="a dataset, see `tssl data list`")
    prepare.add_argument("--source", help="where to get it; by default all that need not be asked for are tried")
    prepare.set_defaults(command="benchmarks.cli.data:prepare_command", options=PrepareOptions)

    verify = actions.add_parser("verify", help="check all that is on disk; the exit code is 1 if something is wrong")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: all that are there")
    verify.set_defaults(command="benchmarks.cli.data:verify_command", options=VerifyOptions)

    for action in (listing, prepare, verify):
        add_data_root(action)
