"""Options of the commands that train: what is typed, as frozen dataclasses, and how argparse asks for it."""

import argparse
import os
import sys
from argparse import BooleanOptionalAction, Namespace
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from baselines.plugins import FILES_VARIABLE
from benchmarks.config.nested import merge, parse_overrides, read_toml
from benchmarks.defaults import (
    DATA_ROOT_VARIABLE,
    DEFAULT_RUNS,
    DEFAULT_TRACKING_URI,
    OFF,
    PROFILES,
)
from benchmarks.errors import ConfigError
from benchmarks.executors.executor import Executor
from benchmarks.executors.in_process import InProcess
from benchmarks.executors.processes import Processes
from benchmarks.executors.ray_cluster import NEW_CLUSTER, RayCluster, import_ray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from benchmarks.config.execution import Execution
    from benchmarks.tracking import Mirror

UNITS = {"s": 1, "m": 60, "h": 3600}
"""Of durations, in seconds."""

MOST_THREADS = 512

EXECUTORS = ("local", "ray")

Options = TypeVar("Options", bound="DataclassInstance")


def read_options(kind: type[Options], arguments: Namespace) -> Options:
    """Build the options of a command from what argparse has read; every field of `kind` has to be there."""
    return kind(**{field.name: getattr(arguments, field.name) for field in fields(kind)})


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What every command that trains can be told; `add_training_options` says what each field is for."""

    overrides: list[str]
    plugins: list[Path]
    device: str | None
    backend: str
    cuda_graphs: bool
    cudnn_benchmark: bool | None
    threads: int | None
    fresh: bool
    checkpoints: str | None
    data_root: str | None
    runs: Path
    tracking_uri: str
    log_model: bool
    system_metrics: bool

    def __post_init__(self) -> None:
        """Refuse what cannot be read, before anything slow is imported."""
        parse_overrides(self.overrides)
        if not self.tracking_uri:
            raise ConfigError(f"--tracking-uri is empty; expected an MLflow tracking URI, or {OFF!r}")

    @property
    def elsewhere(self) -> bool:
        """Whether runs take place on other machines."""
        return False

    def execution(self) -> "Execution":
        """Where the runs take place; bars are drawn for people only."""
        from benchmarks.config.execution import Execution

        return Execution(
            checkpoints=None if self.checkpoints == OFF else Path(self.checkpoints or self.runs),
            device=self.device or Execution.device,
            backend=self.backend,
            data_root=self.data_root,
            progress=sys.stderr.isatty(),
            threads=self.threads,
            elsewhere=self.elsewhere,
            cuda_graphs=self.cuda_graphs,
            cudnn_benchmark=self.cudnn_benchmark,
        )

    def mirror(self) -> "Mirror | None":
        """The MLflow that is named, if one is."""
        from benchmarks.tracking import open_mirror

        return open_mirror(self.tracking_uri, system_metrics=self.system_metrics)


@dataclass(frozen=True, kw_only=True)
class RunOptions(TrainingOptions):
    """Of ``tssl run``."""

    config: Path | None
    study: str

    def __post_init__(self) -> None:
        """Refuse also settings that no run has, and a run that lacks some."""
        super().__post_init__()
        from benchmarks.config.settings import RunSettings
        from benchmarks.config.validation import validate

        validate(RunSettings, self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """Of the run: those of its file, and over them what was typed."""
        return merge(read_toml(self.config) if self.config else {}, parse_overrides(self.overrides))


@dataclass(frozen=True, kw_only=True)
class StudyOptions(TrainingOptions):
    """Of the commands that take a study, or a part of it."""

    study: str
    profile: str | None
    only: list[str]
    limit: int | None
    jobs: int

    def __post_init__(self) -> None:
        """Refuse also a study that is not there or whose file is not valid, and changes that are none of a study."""
        from benchmarks.study.file import config_path, read_study, study_changes

        super().__post_init__()
        read_study(config_path(self.study))
        study_changes(self.overrides)


@dataclass(frozen=True, kw_only=True)
class SweepOptions(StudyOptions):
    """Of the commands that carry a study out."""

    dry_run: bool
    no_estimate: bool
    executor: str
    address: str | None
    cpus_per_run: int | None
    gpus_per_run: float | None

    @property
    def elsewhere(self) -> bool:
        """Whether runs take place on other machines."""
        return self.address is not None

    def make_executor(self) -> Executor:
        """Return the executor that is asked for.

        Raises
        ------
        ConfigError
            If options do not go together, or Ray is asked for and not installed.
        """
        if self.executor == "ray":
            if self.jobs > 1:
                raise ConfigError(
                    "--jobs is for this machine alone; with --executor ray the cluster has as many as fit"
                )
            address = self.address or NEW_CLUSTER
            import_ray(address)
            on_gpu = self.execution().device.startswith("cuda")
            return RayCluster(
                address=address,
                cpus_per_run=self.cpus_per_run or self.threads or 1,
                gpus_per_run=float(on_gpu) if self.gpus_per_run is None else self.gpus_per_run,
            )
        for name in ("address", "cpus_per_run", "gpus_per_run"):
            if getattr(self, name) is not None:
                raise ConfigError(f"--{name.replace('_', '-')} is for --executor ray")
        return local_executor(self.jobs)


def local_executor(jobs: int) -> Executor:
    """Return who carries so many runs at a time out on this machine."""
    return Processes(jobs) if jobs > 1 else InProcess()


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Ask for `SweepOptions`."""
    add_study_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="list the runs, how each stands and the cost; run none")
    parser.add_argument("--no-estimate", action="store_true", help="do not measure first how long the study will take")
    cluster = parser.add_argument_group("Ray clusters", "see docs/running.md")
    cluster.add_argument("--executor", choices=EXECUTORS, default="local", help="default: this machine")
    cluster.add_argument("--address", help="of a running cluster, or 'auto'; without it this machine becomes one")
    cluster.add_argument("--cpus-per-run", type=positive, metavar="N", help="cores of a run (default: --threads, or 1)")
    cluster.add_argument("--gpus-per-run", type=float, metavar="X", help="with 0.25, four runs share one")


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Ask for `StudyOptions`."""
    parser.add_argument("study", help="name of a study that comes with the suite, or the path of a .toml file")
    parser.add_argument("--profile", choices=PROFILES, help="default: paper with a CUDA device, else quick")
    add_training_options(parser, example="run.epochs=3 or 'grid.method=[\"stbp\"]'")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="KEY=VALUE[,VALUE]",
        help="keep the runs with this value, such as method=stbp or seed=0,1; may be repeated, all must hold",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="run the first N of those that are not done")
    add_jobs(parser)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that may train several runs at a time."""
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="runs at a time, a process each (default: 1)"
    )


def add_training_options(parser: argparse.ArgumentParser, *, example: str) -> None:
    """Ask for `TrainingOptions`; `example` is a setting that the command takes."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"change a key of the configuration, such as {example}; may be repeated",
    )
    add_plugins(parser)
    parser.add_argument("--device", help="torch device (default: cuda where there is one, else cpu)")
    parser.add_argument("--backend", default="auto", help="implementation of the neurons (default: auto)")
    parser.add_argument(
        "--cuda-graphs",
        action=BooleanOptionalAction,
        default=True,
        help="on a GPU, record a training step and replay it, which takes Python less time",
    )
    parser.add_argument(
        "--cudnn-benchmark",
        action=BooleanOptionalAction,
        help="on a GPU, let cuDNN time its deterministic algorithms and keep the fastest, which other processes may "
        "not choose (default: for a precision of 16 bits)",
    )
    parser.add_argument(
        "--threads", type=threads, metavar="N", help="of torch on the CPU (default: all cores, shared among --jobs)"
    )
    parser.add_argument("--fresh", action="store_true", help="run again what is already there, from the start")
    parser.add_argument(
        "--checkpoints",
        metavar="FOLDER",
        help=f"of where unfinished runs stand, so that they can go on; {OFF!r} for none (default: beside the records)",
    )
    add_data_root(parser)
    add_runs(parser)
    add_tracking_uri(parser, f"MLflow tracking URI, or {OFF!r}")
    parser.add_argument(
        "--log-model", action=BooleanOptionalAction, default=False, help="keep trained models; default: only tssl run"
    )
    parser.add_argument(
        "--system-metrics",
        action=BooleanOptionalAction,
        default=True,
        help="log the use of the machine where psutil is installed",
    )


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that train, also if for an epoch."""
    parser.add_argument(
        "--plugin",
        dest="plugins",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help=f"a Python file with methods or datasets, see docs/adding.md; may be repeated (also: ${FILES_VARIABLE})",
    )


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that read datasets."""
    parser.add_argument("--data-root", help=f"folder of the datasets (default: ${DATA_ROOT_VARIABLE}, or a user cache)")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Option of the commands that use the records of runs."""
    parser.add_argument(
        "--runs", type=Path, default=Path(DEFAULT_RUNS), metavar="FOLDER", help="of the records (default: %(default)s)"
    )


def add_tracking_uri(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Option of the commands that use MLflow."""
    parser.add_argument("--tracking-uri", default=DEFAULT_TRACKING_URI, help=f"{help_text} (default: %(default)s)")


def positive(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def threads(text: str) -> int:
    """Read a number of threads; with very many, torch ends the process without a word that says why."""
    number = positive(text)
    if number > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_THREADS}; this machine has {os.cpu_count()} cores")
    return number


def seconds(text: str) -> float:
    """Read a duration such as ``90``, ``90s``, ``10m`` or ``1.5h``."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        duration = float(number) * UNITS[unit]
    except ValueError:
        duration = 0.0
    if not 0 < duration < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; expected one such as 90s, 10m or 1.5h")
    return duration
