"""What is to be said to the store about a run, as plain data that a file can hold until it has been said.

Every call may be repeated: a metric with the same time, step and value is kept once, and the rest overwrites itself.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from benchmarks.records import Status

Point: TypeAlias = tuple[str, float, int, int]
"""A metric: name, value, time in milliseconds since 1970, and step."""

ENTITIES_A_CALL, PAIRS_A_CALL = 1000, 100
"""MLflow takes no more metrics, parameters and tags together, and no more parameters or tags, at once."""


@dataclass(frozen=True, kw_only=True)
class CellRun:
    """The run that stands for a cell of a study: all of a configuration but its seed."""

    key: str
    name: str
    short_name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """All that it takes to open a run.

    Parameters
    ----------
    tracking_id : str
        Unique; a tag by which a run is found that was opened before its answer was lost.
    uri, study : str
        Which store, and which experiment.
    name : str
        Of the run.
    start_time : int
        Milliseconds since 1970.
    tags : mapping
        Of the run, `run_key` among them.
    cell : CellRun
        Under which run it is nested.
    resume : bool
        Whether the newest unfinished run of this key goes on, if there is one.
    done : sequence of Point
        What is known of its earlier epochs; those that the store lacks are logged.
    """

    tracking_id: str
    uri: str
    study: str
    name: str
    start_time: int
    tags: Mapping[str, str]
    cell: CellRun
    resume: bool = False
    done: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Metrics, parameters and tags."""

    metrics: tuple[Point, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A small text file."""

    path: str
    text: str


@dataclass(frozen=True)
class Inputs:
    """Datasets: for each its context, and what `mlflow.data` says of it."""

    datasets: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class ModelFolder:
    """A model as MLflow saves it, in a local folder."""

    folder: str


@dataclass(frozen=True)
class End:
    """The outcome, after which nothing follows; the name is the run's new one."""

    status: Status
    reason: str
    end_time: int
    name: str


Call: TypeAlias = Batch | Text | Inputs | ModelFolder | End
CALLS: tuple[type[Call], ...] = (Batch, Text, Inputs, ModelFolder, End)


def points_of(values: Iterable[tuple[str, float, int]]) -> tuple[Point, ...]:
    """Give names, values and steps the time of now."""
    moment = now()
    return tuple((name, float(value), moment, step) for name, value, step in values)


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def to_line(call: Call | Opening) -> str:
    """Write a call as a line of JSON."""
    return json.dumps({"call": type(call).__name__, **asdict(call)}) + "\n"


def call_of(line: str) -> Call:
    """Read what `to_line` wrote.

    Raises
    ------
    ValueError
        If it is something else, such as the half of a line.
    """
    values = json.loads(line)
    name = values.pop("call", None)
    kind = next((kind for kind in CALLS if kind.__name__ == name), None)
    if kind is None:
        raise ValueError(f"no call: {line[:80]!r}")
    return kind(**values)


def opening_of(line: str) -> Opening:
    """Read the opening that `to_line` wrote; ValueError if it is something else."""
    values = json.loads(line)
    if values.pop("call", None) != Opening.__name__:
        raise ValueError(f"no opening: {line[:80]!r}")
    return Opening(**{**values, "cell": CellRun(**values["cell"])})


def merged(calls: Iterable[Call]) -> list[Call]:
    """Join batches that follow each other, as far as MLflow takes them at once."""
    result: list[Call] = []
    for call in calls:
        last = result[-1] if result else None
        if isinstance(call, Batch) and isinstance(last, Batch):
            both = Batch((*last.metrics, *call.metrics), {**last.params, **call.params}, {**last.tags, **call.tags})
            if _fits(both):
                result[-1] = both
                continue
        result.append(call)
    return result


def _fits(batch: Batch) -> bool:
    pairs = len(batch.params), len(batch.tags)
    return max(pairs) <= PAIRS_A_CALL and len(batch.metrics) + sum(pairs) <= ENTITIES_A_CALL


def batches(metrics: Iterable[Point] = (), params: Mapping[str, str] | None = None) -> list[Call]:
    """Cut metrics and parameters into batches of a size that MLflow takes."""
    points, pairs = tuple(metrics), list((params or {}).items())
    parts: list[Call] = [
        Batch(points[first : first + ENTITIES_A_CALL]) for first in range(0, len(points), ENTITIES_A_CALL)
    ]
    parts += [Batch(params=dict(pairs[first : first + PAIRS_A_CALL])) for first in range(0, len(pairs), PAIRS_A_CALL)]
    return parts
