"""Whether the code at hand still gives the first epochs of the runs of a report.

Nobody trains for days to trust a table. An epoch of each of its runs takes minutes, and as all that is drawn depends on
the seed alone, it comes out the same where code, processor, threads and PyTorch are.
"""

import argparse
import functools
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, NoReturn

import pandas as pd

from benchmarks import cli
from benchmarks.config import Execution, RunConfig
from benchmarks.environment import Environment
from benchmarks.errors import DivergedError
from benchmarks.site import Site
from benchmarks.study import Study
from benchmarks.sweep_options import add_sweep_options
from benchmarks.tracking import TRACKING_OFF, open_tracker
from benchmarks.training import prepare
from reports.load import ReportError, Results
from tssl_core.errors import TSSLError

SAME = 1e-12
"""Relative difference up to which two numbers are one: CSV files are read to the last digit but one."""


class Verdict(StrEnum):
    """How an epoch came out."""

    EQUAL = "equal"
    CHANGED = "changed"
    ELSEWHERE = "elsewhere"
    UNMADE = "unmade"


@dataclass(frozen=True)
class Recheck:
    """A run that was begun again.

    Parameters
    ----------
    title : str
        Of the run.
    verdict : Verdict
        ``equal``: all numbers of the epochs are those of the report. ``changed``: not all, though everything is equal
        that may change the bits of a result, but the code. ``elsewhere``: not all, and there are such differences.
        ``unmade``: its command makes no such run any more.
    detail : str
        The numbers, or what differs.
    """

    title: str
    verdict: Verdict
    detail: str

    def line(self) -> str:
        """All of it in a line."""
        return f"{self.verdict:9} {self.title}: {self.detail}"


def recheck(
    results: Results, execution: Execution, *, epochs: int = 1, overrides: Sequence[str] = ()
) -> Iterator[Recheck]:
    """Train the first epochs of each run of a report that ran on a device of this kind, with the threads it had.

    Parameters
    ----------
    results : Results
        The report.
    execution : Execution
        Where; its `threads` are not looked at.
    epochs : int
        How many; fewer of runs that have fewer.
    overrides : sequence of str
        See `Configurations`.

    Yields
    ------
    Recheck
        A run each, in the order of threads and then of the report.

    Raises
    ------
    DatasetError, BackendUnavailableError
        If data or backend are not to be had.
    """
    runs, configurations = comparable(results, execution), Configurations(overrides)
    for threads in sorted(set(runs["threads"])):
        site = Site(results.study, "", replace(execution, threads=int(threads)), partial(open_tracker, TRACKING_OFF))
        for run in rows_of(runs[runs["threads"] == threads]):
            logged = results.epochs[results.epochs["run_key"] == run["run_key"]]
            yield _once_more(run, rows_of(logged.head(epochs)), site, configurations)


def comparable(results: Results, execution: Execution) -> pd.DataFrame:
    """Runs that have an epoch and ran on the CPU, or on a GPU, as those of `execution` do."""
    runs = results.runs[results.runs["run_key"].isin(results.epochs["run_key"]) & results.runs["threads"].notna()]
    return runs[(runs["device"] == "cpu") == execution.device.startswith("cpu")]


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as mappings, without the columns in which they have nothing."""
    rows = table.to_dict("records")
    return [{str(name): value for name, value in row.items() if not pd.isna(value)} for row in rows]


class Configurations:
    """What the commands behind a report make; each is read once.

    Parameters
    ----------
    overrides : sequence of str
        ``--set`` of runs that their command does not make: for those of before a change to a study's file.
    """

    def __init__(self, overrides: Sequence[str] = ()) -> None:
        self.overrides = tuple(overrides)
        self._study = functools.cache(study_behind)

    def of(self, run: Mapping[str, Any]) -> RunConfig:
        """Return the configuration of a run, given as a row of the report, whatever seeds its study has now.

        Raises
        ------
        ReportError, ConfigError
            If there is no such run: its command cannot be read, or a study, a method or a default is not what it was.
        """
        command, run_key = str(run["command"]), run["run_key"]
        for more in [(), self.overrides]:
            for cell in self._study(command, more).cells:
                if cell.config.method == run["method"]:
                    config = cell.config.model_copy(update={"seed": int(run["seed"])})
                    if config.run_key == run_key:
                        return config
        raise ReportError(f"`{command}` makes no run of key {run_key}; --set what its study's file has otherwise now")


def study_behind(command: str, overrides: tuple[str, ...]) -> Study:
    """Return the study that a logged command runs, with some keys set otherwise.

    Raises
    ------
    ReportError, ConfigError
        If it is no command that runs a study, or there is no such study.
    """
    parser = _Parser()
    cli.add_study_options(parser)
    add_sweep_options(parser)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ReportError(f"cannot read `{command}`: {error}") from error
    if words[:2] not in (["tssl", "reproduce"], ["tssl", "sweep"]):
        raise ReportError(f"`{command}` is no study; expected tssl reproduce or tssl sweep")
    return cli.study_of(parser.parse_args([*words[2:], *(part for text in overrides for part in ("--set", text))]))


class _Parser(argparse.ArgumentParser):
    """Raises where others end the program: the command line is not the user's."""

    def error(self, message: str) -> NoReturn:
        raise ReportError(f"a command that cannot be read: {message}")


def _once_more(
    run: Mapping[str, Any], logged: Sequence[Mapping[str, Any]], site: Site, configurations: Configurations
) -> Recheck:
    title = f"{run['run_key']} {run['method']} T={run['time_steps']} seed={run['seed']} {run['dataset']}"
    try:
        config = configurations.of(run)
    except TSSLError as error:
        return Recheck(title, Verdict.UNMADE, str(error))
    data, environment = site.data(config)
    training = prepare(config, site.execution, data)
    now: dict[str, Any] = {}
    try:
        for then, record in zip(logged, training.epochs(), strict=False):
            now = record.numbers()
            if wrong := [name for name in measured(then) if not same(now.get(name), then[name])]:
                numbers = ", ".join(f"{name} {short(now.get(name))}, was {short(then[name])}" for name in wrong)
                return _differing(title, f"epoch {record.epoch}: {numbers}", run, environment)
    except DivergedError as error:
        return _differing(title, str(error), run, environment)
    numbers = ", ".join(f"{name} {short(now[name])}" for name in measured(now) if now[name] is not None)
    return Recheck(title, Verdict.EQUAL, f"epoch {len(logged)}: {numbers}")


def measured(numbers: Mapping[str, Any]) -> list[str]:
    """Names of the numbers of an epoch that are computed, and not times."""
    return [name for name in numbers if name.startswith(("train_", "test_", "held_out_")) and "seconds" not in name]


def short(value: float | None) -> str:
    """Write a number with six digits."""
    return "missing" if value is None else f"{value:.6g}"


def same(now: float | None, then: float) -> bool:
    """Whether two numbers are one, but for how a CSV file is read."""
    return now is not None and math.isclose(now, then, rel_tol=SAME)


def _differing(title: str, detail: str, run: Mapping[str, Any], environment: Environment) -> Recheck:
    """Say whether a run that comes out otherwise may do so."""
    circumstances = environment.deciding()
    del circumstances["code_checksum"], circumstances["threads"]  # the question, and what is made equal
    others = [
        f"{name} {now}, was {run.get(name, 'not kept')}"
        for name, now in circumstances.items()
        if str(run.get(name)) != now
    ]
    verdict = Verdict.ELSEWHERE if others else Verdict.CHANGED
    return Recheck(title, verdict, "; ".join([detail, *others]))
