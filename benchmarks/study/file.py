"""The TOML file of a study: where it is and what may stand in it."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from baselines.plugins import offered_studies
from benchmarks.config.nested import merge, nested, parse_overrides, read_toml
from benchmarks.config.settings import RunSettings
from benchmarks.config.validation import STRICT, refuse_wrong, validate
from benchmarks.errors import ConfigError

CHANGEABLE = {"run", "grid", "methods"}
"""Tables of a study that the command line can change."""

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""Of a study: a folder's, and no other one's than its own."""


class Profile(BaseModel):
    """Changes that make a study shorter or longer; what has all values of a table of `leave_out` is not run."""

    model_config = STRICT
    run: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    cases: list[dict[str, Any]] | None = Field(default=None, min_length=1)
    leave_out: list[dict[str, Any]] = []


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
        Another study, by name or as a path from the folder of this file, which this one is laid over.
    methods : dict
        What differs for one method, and is therefore declared here.
    rules : list of Rule
        What differs for other parts of the grid, such as a number of time steps; laid over `methods`, in order.
    tuned : str, optional
        File of what ``tssl tune`` found, beside this one; laid over `methods`, and a protocol of its own.
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
    tuned: str | None = None
    profiles: dict[str, Profile] = {}


def config_path(name_or_path: str) -> Path:
    """Find a study's file: a path, or the name of one that comes with the suite.

    Raises
    ------
    ConfigError
        If there is neither; lists the names that there are.
    """
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    known = study_files()
    if name_or_path not in known:
        raise ConfigError(
            f"unknown study {name_or_path!r}; expected the path of a .toml file, or one of {', '.join(known)}"
        )
    return known[name_or_path]


def study_files() -> dict[str, Path]:
    """Files of the studies that come with the suite or are offered by installed packages, by name."""
    folder = Path(str(resources.files("benchmarks") / "studies"))
    return offered_studies() | {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_study(path: Path) -> SweepConfig:
    """Read a study's file, and the one that it extends.

    Raises
    ------
    ConfigError
        If either is not valid.
    """
    values = _extended(path)
    try:
        study = validate(SweepConfig, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    cases = ({key: value for key, value in case.items() if key != "labels"} for case in study.cases)
    rules = (rule.run for rule in study.rules)
    _refuse_wrong_settings([study.run, *cases, *study.methods.values(), *rules], study.grid)
    for profile in study.profiles.values():
        _refuse_wrong_settings([profile.run], profile.grid)
    return study


def _extended(path: Path, through: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Values of a file, laid over those of the file that it extends, and so on; paths are made whole."""
    if path in through:
        raise ConfigError(f"{path} extends itself, by way of {', '.join(map(str, through[1:])) or 'its own name'}")
    values = read_toml(path)
    if isinstance(found := values.get("tuned"), str):
        values["tuned"] = str(path.parent / found)
    base = values.get("extends")
    if not isinstance(base, str):
        return values
    beside = path.parent / base if base.endswith(".toml") else config_path(base)
    return merge(_extended(beside, (*through, path)), values)


def study_changes(overrides: Sequence[str]) -> dict[str, Any]:
    """Read what is laid over a study, such as ``"run.epochs=3"``, see `parse_override`.

    Raises
    ------
    ConfigError
        If it is no part of a study that can be changed, or a setting that no run has.
    """
    changes = parse_overrides(overrides)
    if unknown := set(changes) - CHANGEABLE:
        raise ConfigError(f"cannot override {', '.join(sorted(unknown))!r}; expected run.*, grid.* or methods.*")
    refuse_wrong(SweepConfig, changes)
    _refuse_wrong_settings([changes.get("run", {}), *changes.get("methods", {}).values()], changes.get("grid", {}))
    return changes


def _refuse_wrong_settings(runs: Iterable[Mapping[str, Any]], grid: Mapping[str, Sequence[Any]]) -> None:
    """Refuse, without asking methods or datasets, what no run can be told."""
    points = (nested(key, value) for key, choices in grid.items() for value in choices)
    for settings in chain(runs, points):
        refuse_wrong(RunSettings, settings)


def values_at(run: Mapping[str, Any], dotted: str) -> tuple[Any, ...]:
    """Return what a run has at a dotted key; of a method with a preset, also its plain name."""
    value: Any = run
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return (value, value.partition(":")[0]) if dotted == "method" and isinstance(value, str) else (value,)


def meets(run: Mapping[str, Any], match: Mapping[str, Any]) -> bool:
    """Whether a run, given as nested tables, has a value at each of some dotted keys."""
    return all(value in values_at(run, key) for key, value in match.items())
