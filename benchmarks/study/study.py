"""A study: one TOML file that names a grid of runs, expanded into their configurations."""

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from baselines.method import get_method
from benchmarks.config.execution import Execution
from benchmarks.config.nested import differing_keys, flatten, merge, nested
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.defaults import PROFILES
from benchmarks.errors import ConfigError
from benchmarks.study.file import NAME, Rule, config_path, meets, read_study, study_changes
from benchmarks.study.published import published_runs
from benchmarks.study.tuned import TUNED_PROTOCOL, read_tuned


@dataclass(frozen=True)
class Cell:
    """One run of a study, or the reason why a method leaves it out.

    Parameters
    ----------
    config : RunConfig
        Of the run.
    skip_reason : str or None
        Why the method does not support it.
    settings : str
        What of its configuration tells it apart from the cells of the study that have its title.
    labels : mapping
        Names by which a part of the study is chosen, beside the keys of the configuration.
    """

    config: RunConfig
    skip_reason: str | None
    settings: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Short name within the study, for progress and plans."""
        return ", ".join(filter(None, (self.config.title, self.settings)))


@dataclass(frozen=True)
class Study:
    """A study with its profile applied.

    Parameters
    ----------
    name, title, profile : str
        See `SweepConfig`.
    command : str
        What starts it again.
    cells : tuple of Cell
        In the order in which they run.
    """

    name: str
    title: str
    profile: str
    command: str
    cells: tuple[Cell, ...]


def single_run(study: str, config: RunConfig, command: str) -> Study:
    """Return a study of one run, unless it cannot have this name."""
    if not re.fullmatch(NAME, study):
        raise ConfigError(
            f"the study is called {study!r}; expected letters, digits, '_', '-' and '.', no '.' or '-' first"
        )
    return Study(study, study, config.protocol, command, (cell_of(config),))


def command_line(verb: str, arguments: Sequence[str], overrides: Sequence[str]) -> str:
    """Return what to type to start a study again."""
    return shlex.join(["tssl", verb, *arguments, *repeated("--set", overrides)])


def repeated(option: str, values: Iterable[object]) -> list[str]:
    """An option typed once for each value."""
    return [part for value in values for part in (option, str(value))]


def cell_of(config: RunConfig) -> Cell:
    """Ask the method whether it supports a configuration."""
    return Cell(config, get_method(config.method).supports(config.network_spec(), config.method_parameters()))


def default_profile(execution: Execution) -> str:
    """Return ``paper`` on a CUDA device, ``quick`` without one."""
    return "paper" if torch.device(execution.device).type == "cuda" else "quick"


def load_study(name_or_path: str, *, profile: str, overrides: Sequence[str] = ()) -> Study:
    """Read a study and expand its grid.

    Parameters
    ----------
    name_or_path : str
        Path of a TOML file, or the name of a study that comes with the suite.
    profile : str
        ``smoke``, ``quick`` or ``paper``; one that the file does not mention changes nothing.
    overrides : sequence of str
        Laid over the study last, such as ``"run.epochs=3"``, see `parse_override`.

    Returns
    -------
    Study
        Its cells all valid; equal ones are listed once.

    Raises
    ------
    ConfigError
        If anything in it is unknown or wrong; nothing has run by then.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; expected one of {', '.join(PROFILES)}")
    path = config_path(name_or_path)
    sweep = read_study(path)
    protocol = profile if sweep.tuned is None else TUNED_PROTOCOL
    values = merge({"run": {"protocol": protocol}}, sweep.model_dump(include={"run", "grid", "cases", "methods"}))
    if sweep.tuned is not None:
        values = merge(values, {"methods": read_tuned(Path(sweep.tuned)).methods})
    if profile in sweep.profiles:
        values = merge(values, sweep.profiles[profile].model_dump(exclude_none=True))
    values = merge(values, study_changes(overrides))
    command = command_line("reproduce", [name_or_path, "--profile", profile], overrides)
    bases = [{}] if sweep.published is None else published_runs(sweep.published)
    return Study(sweep.name, sweep.title, profile, command, tuple(_expand(bases, values, sweep.rules, path)))


def _expand(
    bases: Sequence[Mapping[str, Any]], values: Mapping[str, Any], rules: Sequence[Rule], path: Path
) -> list[Cell]:
    grid: Mapping[str, list[Any]] = values["grid"]
    for key, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise ConfigError(f"grid.{key} of {path} is {choices!r}; expected a list with at least one value")
        if twice := [value for number, value in enumerate(choices) if value in choices[:number]]:
            raise ConfigError(f"grid.{key} of {path} has {twice[0]!r} twice; expected each value once")
    for name, changes in values["methods"].items():
        get_method(name)
        if "initial_weights" in changes:
            raise ConfigError(f"initial_weights of {path} is set for {name}; expected the same for all methods, in run")
    cells: dict[str, Cell] = {}
    for base, case, *combination in itertools.product(bases, values["cases"], *grid.values()):
        run = merge(merge(base, values["run"]), case)
        labels = run.pop("labels", {})
        chosen = dict(zip(grid, combination, strict=True))
        method = str(chosen.get("method", run.get("method", "")))
        for name in (method.partition(":")[0], method):
            run = merge(run, values["methods"].get(name, {}))
        point: Mapping[str, Any] = {}
        for key, value in chosen.items():
            point = merge(point, nested(key, value))
        run = merge(run, point)
        for rule in rules:
            if meets(run, rule.match):
                run = merge(merge(run, rule.run), point)  # the grid has the last word
        if any(meets(run, match) for match in values.get("leave_out", ())):
            continue
        cell = replace(cell_of(validate_run(run)), labels=labels)
        cells.setdefault(cell.config.run_key, cell)
    return _add_differing_settings(list(cells.values()))


def _add_differing_settings(cells: Sequence[Cell]) -> list[Cell]:
    """Give the settings that differ to cells that would be called the same."""
    titles = [cell.config.title for cell in cells]
    configurations = [dict(flatten(cell.config.model_dump())) for cell in cells]
    alike: dict[str, list[dict[str, Any]]] = {}
    for title, configuration in zip(titles, configurations, strict=True):
        alike.setdefault(title, []).append(configuration)
    keys = {title: differing_keys(same) for title, same in alike.items()}
    return [
        replace(cell, settings=", ".join(f"{key}={configuration.get(key)}" for key in keys[title]))
        for cell, title, configuration in zip(cells, titles, configurations, strict=True)
    ]
