"""What ``tssl tune`` can be told; what it does is in `benchmarks.cli.tune`, and shown by `reports.tuning`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cli.options import SweepOptions, add_sweep_options, positive
from benchmarks.defaults import DEFAULT_RESULTS

TRIALS, SEEDS = 24, 5
SHARE = 6
"""Of the training samples one in so many is held out: of 60,000 as many as there are test samples."""

TUNED_FILE = "tuned.toml"
DEFAULT_FOLDER = Path(DEFAULT_RESULTS)
SEARCH, CONFIRMATION = "tuning", "tuned"
"""Suffixes of the studies that hold trials and confirmations."""


@dataclass(frozen=True, kw_only=True)
class TuneOptions(SweepOptions):
    """Of ``tssl tune``."""

    trials: int
    seeds: int
    held_out: int | None
    output: Path | None


def add_tune(subparsers: Any, command: str = "benchmarks.cli.tune:tune_command") -> None:
    """Add ``tune`` to a command line.

    Parameters
    ----------
    subparsers
        Of argparse.
    command : str
        ``"module:function"`` that carries it out.
    """
    parser = subparsers.add_parser(
        "tune", help="search parameters of each method with equal budgets, on held-out samples"
    )
    add_sweep_options(parser)
    parser.add_argument(
        "--trials", type=positive, default=TRIALS, metavar="N", help="of each method (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds", type=positive, default=SEEDS, metavar="N", help="fresh ones for each winner (default: %(default)s)"
    )
    parser.add_argument(
        "--held-out",
        type=positive,
        metavar="N",
        help=f"training samples to judge trials by (default: as the study, or one in {SHARE})",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help=f"of {TUNED_FILE} (default: {DEFAULT_FOLDER}/<study>-{SEARCH})"
    )
    parser.set_defaults(command=command, options=TuneOptions)
