"""The configuration of each run of a report, from the command that made it."""

import argparse
import functools
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from benchmarks import cli
from benchmarks.config import RunConfig
from benchmarks.study import Study
from benchmarks.sweep_options import add_sweep_options
from reports.load import ReportError


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
    arguments = parser.parse_args(words[2:])
    arguments.overrides = [*arguments.overrides, *overrides]
    return cli.study_of(arguments)


class _Parser(argparse.ArgumentParser):
    """Raises where others end the program: the command line is not the user's."""

    def error(self, message: str) -> NoReturn:
        raise ReportError(f"a command that cannot be read: {message}")
