"""Options of the commands that run a study: which part of it, who carries it out, and what it would cost."""

import argparse
from typing import Any

from benchmarks.errors import ConfigError
from benchmarks.executors.executor import Executor
from benchmarks.executors.in_process import InProcess
from benchmarks.executors.processes import Processes
from benchmarks.executors.ray_cluster import NEW_CLUSTER, RayCluster, import_ray

EXECUTORS = ("local", "ray")


def add_selection_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which cells run."""
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="KEY=VALUE[,VALUE]",
        help="keep the runs with this value, such as method=stbp or seed=0,1; may be repeated, all must hold",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="run the first N of those that are not done")
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="runs at a time, a process each (default: 1)"
    )


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that carry a study out."""
    add_selection_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="list the runs, how each stands and the cost; run none")
    parser.add_argument("--no-estimate", action="store_true", help="do not measure first how long the study will take")
    cluster = parser.add_argument_group("Ray clusters", "see docs/running.md")
    cluster.add_argument("--executor", choices=EXECUTORS, default="local", help="default: this machine")
    cluster.add_argument("--address", help="of a running cluster, or 'auto'; without it this machine becomes one")
    cluster.add_argument("--cpus-per-run", type=positive, metavar="N", help="cores of a run (default: --threads, or 1)")
    cluster.add_argument("--gpus-per-run", type=float, metavar="X", help="with 0.25, four runs share one")


def positive(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def executor_of(arguments: argparse.Namespace) -> Executor:
    """Return the executor that the command line asks for.

    Raises
    ------
    ConfigError
        If options do not go together, or Ray is asked for and not installed.
    """
    if arguments.executor == "ray":
        if arguments.jobs > 1:
            raise ConfigError("--jobs is for this machine alone; with --executor ray the cluster has as many as fit")
        address = arguments.address or NEW_CLUSTER
        import_ray(address)
        on_gpu = arguments.device.startswith("cuda")
        return RayCluster(
            address=address,
            cpus_per_run=arguments.cpus_per_run or arguments.threads or 1,
            gpus_per_run=float(on_gpu) if arguments.gpus_per_run is None else arguments.gpus_per_run,
        )
    given: dict[str, Any] = {
        "--address": arguments.address,
        "--cpus-per-run": arguments.cpus_per_run,
        "--gpus-per-run": arguments.gpus_per_run,
    }
    for option, value in given.items():
        if value is not None:
            raise ConfigError(f"{option} is for --executor ray")
    return Processes(arguments.jobs) if arguments.jobs > 1 else InProcess()
