"""Parts of a study: the cells whose configuration has certain values."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.config.nested import flatten
from benchmarks.config.run import RunConfig
from benchmarks.errors import ConfigError
from benchmarks.study.file import values_at
from benchmarks.study.study import Cell, Study


def select_cells(study: Study, conditions: Sequence[str]) -> Study:
    """Keep the cells that meet all conditions.

    Parameters
    ----------
    study : Study
        The whole.
    conditions : sequence of str
        ``"key=value"`` with a label of the cells or a dotted key of `RunConfig`, or ``"key=value,value"`` for either; a
        method without a preset stands for all of its presets.

    Raises
    ------
    ConfigError
        If there is no such key or value in the study, or no cell has all; says what there is.
    """
    cells = list(study.cells)
    for condition in conditions:
        key, equals, text = condition.partition("=")
        if not equals or not key:
            raise ConfigError(f"cannot read {condition!r}; expected KEY=VALUE or KEY=VALUE,VALUE, such as method=stbp")
        wanted = [value.strip() for value in text.split(",")]
        if len(set(wanted)) < len(wanted):
            raise ConfigError(f"{condition!r} names a value twice; expected each once")
        _check(study, key, wanted)
        cells = [cell for cell in cells if any(_has(cell, key, value) for value in wanted)]
    if not cells:
        raise ConfigError(f"no run of study {study.name} has all of {', '.join(conditions)}")
    return replace(study, cells=tuple(cells))


def has(config: RunConfig, key: str, text: str) -> bool:
    """Whether a configuration has a value, given as text or TOML."""
    return any(text == str(value) or _as_toml(text) == value for value in values_at(config.model_dump(), key))


def _has(cell: Cell, key: str, text: str) -> bool:
    return cell.labels[key] == text if key in cell.labels else has(cell.config, key, text)


def _check(study: Study, key: str, wanted: Sequence[str]) -> None:
    """Refuse keys and values that no cell has."""
    present: dict[str, list[str]] = {}
    for cell in study.cells:
        for name, value in [*cell.labels.items(), *flatten(cell.config.model_dump())]:
            present.setdefault(name, []).append(str(value))
    if key not in present:
        raise ConfigError(f"unknown key {key!r}; the runs of study {study.name} have {', '.join(present)}")
    for text in wanted:
        if not any(_has(cell, key, text) for cell in study.cells):
            values = ", ".join(dict.fromkeys(present[key]))
            raise ConfigError(f"no run of study {study.name} has {key}={text}; there are {values}")


def _as_toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
