"""A study: one TOML file that names a grid of runs, expanded into their configurations."""

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field

from baselines.method import get_method
from benchmarks.config import (
    STRICT,
    Execution,
    RunConfig,
    merge,
    nested,
    parse_override,
    read_toml,
    validate,
    validate_run,
)
from benchmarks.errors import ConfigError

PROFILES = ("smoke", "quick", "paper")


class Profile(BaseModel):
    """Changes that turn a study into a shorter or longer one."""

    model_config = STRICT
    run: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}


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
    methods : dict
        What differs for one method, and is therefore declared here.
    profiles : dict
        Changes by profile: ``smoke``, ``quick``, ``paper``.
    """

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    title: str
    run: dict[str, Any]
    grid: dict[str, list[Any]]
    methods: dict[str, dict[str, Any]] = {}
    profiles: dict[str, Profile] = {}


@dataclass(frozen=True)
class Cell:
    """One run of a study, or the reason why a method leaves it out."""

    config: RunConfig
    skip_reason: str | None


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
    """Return a study of one run."""
    return Study(study, study, config.protocol, command, (cell_of(config),))


def command_line(verb: str, arguments: Sequence[str], overrides: Sequence[str]) -> str:
    """Return what to type to start a study again."""
    sets = [part for text in overrides for part in ("--set", text)]
    return shlex.join(["tssl", verb, *arguments, *sets])


def cell_of(config: RunConfig) -> Cell:
    """Ask the method whether it supports a configuration."""
    return Cell(config, get_method(config.method).supports(config.task(), config.method_parameters()))


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
    folder = Path(str(resources.files("benchmarks") / "configs"))
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
    sweep = validate(SweepConfig, read_toml(path))
    values = merge({"run": {"protocol": profile}}, sweep.model_dump(include={"run", "grid", "methods"}))
    if profile in sweep.profiles:
        values = merge(values, sweep.profiles[profile].model_dump())
    for text in overrides:
        override = parse_override(text)
        unknown = set(override) - {"run", "grid", "methods"}
        if unknown:
            raise ConfigError(f"cannot override {', '.join(sorted(unknown))!r}; expected run.*, grid.* or methods.*")
        values = merge(values, override)
    command = command_line("reproduce", [name_or_path, "--profile", profile], overrides)
    return Study(sweep.name, sweep.title, profile, command, tuple(_expand(values, path)))


def _expand(values: Mapping[str, Any], path: Path) -> list[Cell]:
    grid: Mapping[str, list[Any]] = values["grid"]
    for key, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise ConfigError(f"grid.{key} of {path} is {choices!r}; expected a list with at least one value")
    for name in values["methods"]:
        get_method(name)
    cells: dict[str, Cell] = {}
    for combination in itertools.product(*grid.values()):
        run = dict(values["run"])
        chosen = dict(zip(grid, combination, strict=True))
        method = str(chosen.get("method", run.get("method", "")))
        for name in (method.partition(":")[0], method):
            run = merge(run, values["methods"].get(name, {}))
        for key, value in chosen.items():
            run = merge(run, nested(key, value))
        cell = cell_of(validate_run(run))
        cells.setdefault(cell.config.run_key, cell)
    return list(cells.values())
