"""A study: one TOML file that names a grid of runs, expanded into their configurations."""

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field

from baselines.method import get_method
from benchmarks.config.execution import Execution
from benchmarks.config.nested import differing_keys, flatten, merge, nested, parse_override, read_toml
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.config.validation import STRICT, validate
from benchmarks.errors import ConfigError
from benchmarks.study.published import published_runs

PROFILES = ("smoke", "quick", "paper")


NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""Of a study: a folder's, and no other one's than its own."""


class Profile(BaseModel):
    """Changes that turn a study into a shorter or longer one."""

    model_config = STRICT
    run: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    cases: list[dict[str, Any]] | None = Field(default=None, min_length=1)


class Rule(BaseModel):
    """What differs for some runs of the grid.

    Attributes
    ----------
    match : dict
        Dotted keys of `RunConfig` and the values that a run must have; methods are compared without their preset.
    run : dict
        Changes to such a run.
    """

    model_config = STRICT
    match: dict[str, Any]
    run: dict[str, Any]

    def applies_to(self, run: Mapping[str, Any]) -> bool:
        """Whether a run, given as nested tables, has all the values."""
        return all(value in values_at(run, key) for key, value in self.match.items())


class SweepConfig(BaseModel):
    """A study as its TOML file describes it.

    Attributes
    ----------
    name : str
        Of the study; MLflow's experiment and the folder of the report.
    title : str
        Headline of the report.
    run : dict
        What every run shares, keys of `RunConfig`.
    grid : dict
        Values to be combined, dotted keys of `RunConfig`.
    cases : list of dict
        Keys of `RunConfig` that change together; the grid is run for each case. For studies of several things of which
        one is varied at a time. A profile that has cases has its own instead. A case may have ``labels``, names by
        which its runs are chosen.
    published : dict, optional
        Dated configurations of the authors' code to start from, all or those of a ``network`` and ``version``, see
        `benchmarks.study.published`; these are their labels, too. The study is run for each, and all that it says is
        laid over it.
    extends : str, optional
        Another study, by path or name, whose file this one is laid over.
    methods : dict
        What differs for one method, and is therefore declared here.
    rules : list of Rule
        What differs for other parts of the grid, such as a number of time steps; laid over `methods`, in order.
    profiles : dict
        Changes by profile: ``smoke``, ``quick``, ``paper``.
    """

    model_config = STRICT
    name: str = Field(pattern=NAME)
    title: str
    run: dict[str, Any]
    grid: dict[str, list[Any]]
    cases: list[dict[str, Any]] = Field(default=[{}], min_length=1)
    published: dict[str, str] | None = None
    extends: str | None = None
    methods: dict[str, dict[str, Any]] = {}
    rules: list[Rule] = []
    profiles: dict[str, Profile] = {}


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
    sets = [part for text in overrides for part in ("--set", text)]
    return shlex.join(["tssl", verb, *arguments, *sets])


def cell_of(config: RunConfig) -> Cell:
    """Ask the method whether it supports a configuration."""
    return Cell(config, get_method(config.method).supports(config.network_spec(), config.method_parameters()))


def default_profile(execution: Execution) -> str:
    """Return ``paper`` on a CUDA device, ``quick`` without one."""
    return "paper" if torch.device(execution.device).type == "cuda" else "quick"


def config_path(name_or_path: str) -> Path:
    """Find a study's file: a path, or the name of one that comes with the suite.

    Raises
    ------
    ConfigError
        If there is neither; lists the names that there are.
    """
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    folder = Path(str(resources.files("benchmarks") / "studies"))
    path = folder / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise ConfigError(f"unknown study {name_or_path!r}; expected the path of a .toml file, or one of {known}")
    return path


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
    values = merge({"run": {"protocol": profile}}, sweep.model_dump(include={"run", "grid", "cases", "methods"}))
    if profile in sweep.profiles:
        values = merge(values, sweep.profiles[profile].model_dump(exclude_none=True))
    for text in overrides:
        override = parse_override(text)
        unknown = set(override) - {"run", "grid", "methods"}
        if unknown:
            raise ConfigError(f"cannot override {', '.join(sorted(unknown))!r}; expected run.*, grid.* or methods.*")
        values = merge(values, override)
    command = command_line("reproduce", [name_or_path, "--profile", profile], overrides)
    bases = [{}] if sweep.published is None else published_runs(sweep.published)
    return Study(sweep.name, sweep.title, profile, command, tuple(_expand(bases, values, sweep.rules, path)))


def read_study(path: Path) -> SweepConfig:
    """Read a study's file, and the one that it extends.

    Raises
    ------
    ConfigError
        If either is not valid.
    """
    values = read_toml(path)
    if isinstance(base := values.get("extends"), str):
        values = merge(read_toml(config_path(base)), values)
    return validate(SweepConfig, values)


def values_at(run: Mapping[str, Any], dotted: str) -> tuple[Any, ...]:
    """Return what a run has at a dotted key; of a method with a preset, also its plain name."""
    value: Any = run
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return (value, value.partition(":")[0]) if dotted == "method" and isinstance(value, str) else (value,)


def _expand(
    bases: Sequence[Mapping[str, Any]], values: Mapping[str, Any], rules: Sequence[Rule], path: Path
) -> list[Cell]:
    grid: Mapping[str, list[Any]] = values["grid"]
    for key, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise ConfigError(f"grid.{key} of {path} is {choices!r}; expected a list with at least one value")
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
            if rule.applies_to(run):
                run = merge(merge(run, rule.run), point)  # the grid has the last word
        cell = replace(cell_of(validate_run(run)), labels=labels)
        cells.setdefault(cell.config.run_key, cell)
    return _told_apart(list(cells.values()))


def _told_apart(cells: Sequence[Cell]) -> list[Cell]:
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
