"""What a search of parameters found, as a TOML file that studies name as ``tuned``."""

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from benchmarks.config.nested import flatten, read_toml
from benchmarks.config.validation import STRICT, validate

TUNED_PROTOCOL = "tuned"
"""Of runs with what a search found: they compare among themselves, and are not on the paper's settings."""


class Tuned(BaseModel):
    """Winners of equal searches.

    Attributes
    ----------
    study, command : str
        What was searched, and what searches it again.
    trials, held_out : int
        Of each method, and samples of the training set by which they were judged.
    methods : dict
        Keys of `RunConfig` by method, as in a study's file: the settings of its best trial.
    accuracies : dict of list of float
        By method, of each trial on the held-out samples after the last epoch; NaN where it has no result.
    confirmed : dict of list of float
        By method, of the winner on the test set after the last epoch: a fresh seed each, the same for all methods; NaN
        where it has no result.
    """

    model_config = STRICT
    study: str
    command: str
    trials: int = Field(ge=1)
    held_out: int = Field(ge=1)
    methods: dict[str, dict[str, Any]] = {}
    accuracies: dict[str, list[float]]
    confirmed: dict[str, list[float]] = {}

    def to_toml(self) -> str:
        """Write it for a file."""
        head = {name: getattr(self, name) for name in ("study", "command", "trials", "held_out")}
        tables: dict[str, dict[str, Any]] = {"accuracies": {**self.accuracies}, "confirmed": {**self.confirmed}}
        tables |= {f"methods.{_key(name)}": dict(flatten(keys)) for name, keys in self.methods.items()}
        lines = ["# Winners of equal searches, judged by samples held out of the training set. Made by the command."]
        lines += [f"{name} = {_value(value)}" for name, value in head.items()]
        for title, table in tables.items():
            lines += ["", f"[{title}]"]
            lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
        return "\n".join(lines) + "\n"


def read_tuned(path: Path) -> Tuned:
    """Read a file.

    Raises
    ------
    ConfigError
        If it cannot be read or lacks something.
    """
    return validate(Tuned, read_toml(path))


def best_trial(accuracies: Sequence[float]) -> int | None:
    """Return the number, from 0, of the first trial with the highest accuracy; None if none has one."""
    known = [accuracy for accuracy in accuracies if not math.isnan(accuracy)]
    return list(accuracies).index(max(known)) if known else None


def best_so_far(accuracies: Sequence[float]) -> list[float]:
    """Return the highest accuracy after each trial; NaN before the first that has one."""
    highest = itertools.accumulate((-1 if math.isnan(accuracy) else accuracy for accuracy in accuracies), max)
    return [math.nan if accuracy < 0 else accuracy for accuracy in highest]


def _key(name: str) -> str:
    """A key, dotted or not; in quotes with the colon of a preset."""
    return json.dumps(name) if ":" in name else name


def _value(value: object) -> str:
    """A value as TOML has it; JSON is the same but for numbers that are none."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return "nan" if isinstance(value, float) and math.isnan(value) else json.dumps(value)
