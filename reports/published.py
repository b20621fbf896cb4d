"""Published results, read from published.toml and checked row by row."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from benchmarks.config.validation import STRICT, validate
from benchmarks.errors import ConfigError
from reports.load import ReportError
from tssl_core.architecture import parse_architecture

METHOD = "tssl_bp"
"""What the claims are about; its presets are other published versions of it."""

Value = Literal["time_steps", "epochs", "mean", "std", "best"]


class Published(BaseModel):
    """One published result; accuracies in percent.

    Attributes
    ----------
    dataset, method : str
        What it can be compared with.
    title : str
        What tables call it.
    id : str, optional
        What claims call it.
    architecture : str, optional
        Network in the suite's notation, without options; None for one that cannot be written so.
    network : str, optional
        What tables call a network without `architecture`.
    time_steps, epochs : int, optional
        Of the published training.
    mean, std, best : float, optional
        Over repetitions; at least `mean` or `best`.
    from_memory : list of str
        Which values of a row that was seen are from memory all the same.
    source : str
        Where the number was seen.
    certainty : {"seen", "memory"}
        Whether it was checked there.
    """

    model_config = STRICT
    dataset: str = Field(min_length=1)
    method: str = Field(min_length=1)
    title: str = Field(min_length=1)
    source: str = Field(min_length=1)
    certainty: Literal["seen", "memory"]
    id: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    architecture: str | None = None
    network: str | None = Field(default=None, min_length=1, validate_default=True)
    time_steps: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    mean: float | None = Field(default=None, gt=0, lt=100)
    std: float | None = Field(default=None, ge=0)
    best: float | None = Field(default=None, gt=0, lt=100, validate_default=True)
    from_memory: list[Value] = []

    @field_validator("architecture")
    @classmethod
    def _without_options(cls, text: str | None) -> str | None:
        if text is not None and parse_architecture(text).plain != text:
            raise ValueError(f"{text} has options; expected {parse_architecture(text).plain}")
        return text

    @field_validator("network")
    @classmethod
    def _some_network(cls, text: str | None, info: ValidationInfo) -> str | None:
        if (text is None) == (info.data.get("architecture") is None):
            raise ValueError("expected either an architecture or a network")
        return text

    @field_validator("best")
    @classmethod
    def _some_accuracy(cls, best: float | None, info: ValidationInfo) -> float | None:
        if best is None and info.data.get("mean") is None:
            raise ValueError("expected a mean or a best")
        return best

    @field_validator("from_memory")
    @classmethod
    def _values_that_are_there(cls, names: list[Value], info: ValidationInfo) -> list[Value]:
        absent = [name for name in names if info.data.get(name) is None]
        if absent:
            raise ValueError(f"the row has no {', '.join(absent)}")
        if names and info.data.get("certainty") == "memory":
            raise ValueError("expected none, as the whole row is from memory")
        return names

    def __str__(self) -> str:
        if self.mean is None:
            return f"best {self.best:.2f}"
        spread = "" if self.std is None else f" ± {self.std:.2f}"
        return f"{self.mean:.2f}{spread}" + ("" if self.best is None else f" (best {self.best:.2f})")

    @property
    def certainty_text(self) -> str:
        """How sure the row is, in words."""
        if self.certainty == "memory":
            return "from memory"
        names = ", ".join({"time_steps": "T"}.get(name, name) for name in self.from_memory)
        return f"seen; {names} from memory" if names else "seen"

    def matches(self, architecture: str, method: str, time_steps: int) -> bool:
        """Whether it is of the same network, method and T on its dataset; methods without spikes have no T."""
        same = (self.architecture, self.method) == (architecture, method)
        return same and self.time_steps in (None, time_steps)


def tables_of(text: str, file: str, key: str) -> list[dict[str, Any]]:
    """Return the tables ``[[key]]`` of a TOML file that comes with the reports.

    Raises
    ------
    ReportError
        If it is no TOML, or has none.
    """
    try:
        tables = tomllib.loads(text).get(key)
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{file} is no TOML ({error}); expected tables [[{key}]]: restore the file") from error
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ReportError(f"{file} has no tables [[{key}]]; expected at least one: restore the file")
    return tables


def read_published(text: str) -> tuple[Published, ...]:
    """Read the rows of a published.toml.

    Raises
    ------
    ReportError
        If it has no rows, or a row lacks something, has an unknown key or a value without meaning; names the row.
    """
    rows = []
    for number, values in enumerate(tables_of(text, "published.toml", "result"), start=1):
        try:
            rows.append(validate(Published, values))
        except ConfigError as error:
            name = f"{values.get('title', 'without title')} on {values.get('dataset', 'no dataset')}"
            raise ReportError(f"published result {number} ({name}): {error}") from error
    return tuple(rows)


@cache
def published_results() -> tuple[Published, ...]:
    """Every row of published.toml."""
    return read_published((resources.files("reports") / "published.toml").read_text(encoding="utf-8"))


def published_by_id(name: str) -> Published:
    """The row with an id.

    Raises
    ------
    ValueError
        If there is none; lists those that there are.
    """
    rows = {row.id: row for row in published_results() if row.id}
    if name not in rows:
        raise ValueError(f"no published result {name!r}; expected one of {', '.join(rows)}")
    return rows[name]


def published_for(dataset: str, architecture: str, method: str, time_steps: int) -> Published | None:
    """The first published result of the same network, method and T."""
    for row in published_results():
        if row.dataset == dataset and row.matches(architecture, method, time_steps):
            return row
    return None


def published_epochs(dataset: str, architecture: str) -> int | None:
    """Epochs that TSSL-BP was trained for on a network, given with or without its options."""
    plain = parse_architecture(architecture).plain
    for row in published_results():
        if (row.dataset, row.architecture, row.method) == (dataset, plain, METHOD) and row.epochs:
            return row.epochs
    return None
