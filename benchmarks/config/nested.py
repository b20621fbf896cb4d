"""Nested tables, as TOML has them: read, laid over one another, and under dotted keys."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import ConfigError


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it, table by table; neither is modified."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = merge(before, value)
        merged[key] = value
    return merged


def nested(dotted: str, value: Any) -> dict[str, Any]:
    """Turn ``"optimizer.learning_rate", 0.1`` into ``{"optimizer": {"learning_rate": 0.1}}``."""
    first, _, rest = dotted.partition(".")
    return {first: nested(rest, value) if rest else value}


def parse_override(text: str) -> dict[str, Any]:
    """Read ``key=value`` from the command line; the value is TOML, or else taken as text.

    Raises
    ------
    ConfigError
        If there is no key or no equals sign.
    """
    key, equals, value = text.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise ConfigError(f"cannot read override {text!r}; expected key=value, such as epochs=3")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    return nested(key.strip(), parsed)


def parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """Read any number of ``key=value``, a later one over those before it."""
    changes: dict[str, Any] = {}
    for text in texts:
        changes = merge(changes, parse_override(text))
    return changes


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If it cannot be read or is not TOML; names the file.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested tables under dotted names."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differing_keys(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys whose values are not the same in all tables, in the order in which they first come."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if any(table.get(key) != tables[0].get(key) for table in tables)]
