"""Whether the code at hand still gives the first epochs of the runs of a report.

Nobody trains for days to trust a table. An epoch of each of its runs takes minutes, and as all that is drawn depends on
the seed alone, it comes out the same where code, processor, threads and PyTorch are.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pandas as pd

from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, kept_run
from benchmarks.errors import DivergedError
from benchmarks.sweep.site import Site
from benchmarks.tracking import CONFIG, Runs
from benchmarks.tracking.environment import Environment
from benchmarks.training.training import prepare
from reports.load import ReportError, Results
from tssl_core.errors import TSSLError

SAME = 1e-12
"""Relative difference up to which two numbers are one: CSV files are read to the last digit but one."""


class Agreement(StrEnum):
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
    agreement : Agreement
        ``equal``: all numbers of the epochs are those of the report. ``changed``: not all, though everything is equal
        that may change the bits of a result, but the code. ``elsewhere``: not all, and there are such differences.
        ``unmade``: there is no such run any more.
    detail : str
        The numbers, or what differs.
    """

    title: str
    agreement: Agreement
    detail: str

    def line(self) -> str:
        """All of it in a line."""
        return f"{self.agreement:9} {self.title}: {self.detail}"


def recheck(results: Results, execution: Execution, *, epochs: int = 1) -> Iterator[Recheck]:
    """Train the first epochs of each run of a report, with the threads that it had.

    Parameters
    ----------
    results : Results
        What of the report is `comparable`.
    execution : Execution
        Where; its `threads` are not looked at.
    epochs : int
        How many; fewer of runs that have fewer.

    Yields
    ------
    Recheck
        A run each, in the order of threads and then of the report.

    Raises
    ------
    DatasetError, BackendUnavailableError
        If data or backend are not to be had.
    """
    runs = results.runs
    for threads in sorted(set(runs["threads"])):
        site = Site(results.study, "", replace(execution, threads=int(threads)), Runs())
        for run in rows_of(runs[runs["threads"] == threads]):
            logged = results.epochs[results.epochs["run_key"] == run["run_key"]]
            yield _once_more(run, rows_of(logged.head(epochs)), site)


def comparable(results: Results, execution: Execution) -> Results:
    """Keep the runs that have an epoch and ran on the CPU, or on a GPU, as those of `execution` do."""
    runs = results.runs
    on_such_a_device = (runs["device"] == "cpu") == execution.device.startswith("cpu")
    return results.select(runs["run_key"].isin(results.epochs["run_key"]) & runs["threads"].notna() & on_such_a_device)


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as mappings, without the columns in which they have nothing."""
    rows = table.to_dict("records")
    return [{str(name): value for name, value in row.items() if not pd.isna(value)} for row in rows]


def config_of(run: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a run, given as a row of the report.

    Raises
    ------
    ReportError, ConfigError
        If it is not known, or there is no such run any more: a method or a default is not what it was.
    """
    if CONFIG not in run:
        raise ReportError("its configuration is not known")
    config = kept_run(json.loads(run[CONFIG]))
    if config.run_key != run["run_key"]:
        raise ReportError(f"its configuration now has the key {config.run_key}: a default is not what it was")
    return config


def _once_more(run: Mapping[str, Any], logged: Sequence[Mapping[str, Any]], site: Site) -> Recheck:
    title = f"{run['run_key']} {run['method']} T={run['time_steps']} seed={run['seed']} {run['dataset']}"
    try:
        config = config_of(run)
    except TSSLError as error:
        return Recheck(title, Agreement.UNMADE, str(error))
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
    return Recheck(title, Agreement.EQUAL, f"epoch {len(logged)}: {numbers}")


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
    agreement = Agreement.ELSEWHERE if others else Agreement.CHANGED
    return Recheck(title, agreement, "; ".join([detail, *others]))
