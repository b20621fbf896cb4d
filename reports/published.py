"""Published results, read from published.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published result; accuracies in percent.

    Parameters
    ----------
    dataset, architecture, method : str
        What it can be compared with; the architecture without options.
    title : str
        What tables call it.
    source : str
        Where the number was seen.
    certainty : {"seen", "memory"}
        Whether it was checked there.
    time_steps, epochs : int, optional
        Of the published training.
    mean, std, best : float, optional
        Over repetitions.
    """

    dataset: str
    architecture: str
    method: str
    title: str
    source: str
    certainty: Literal["seen", "memory"]
    time_steps: int | None = None
    epochs: int | None = None
    mean: float | None = None
    std: float | None = None
    best: float | None = None

    def __str__(self) -> str:
        if self.mean is None:
            return f"best {self.best:.2f}"
        spread = "" if self.std is None else f" ± {self.std:.2f}"
        return f"{self.mean:.2f}{spread}" + ("" if self.best is None else f" (best {self.best:.2f})")


@cache
def published_results() -> tuple[Published, ...]:
    """Every row of published.toml."""
    text = (resources.files("reports") / "published.toml").read_text(encoding="utf-8")
    return tuple(Published(**row) for row in tomllib.loads(text)["result"])


def published_for(dataset: str, architecture: str, method: str, time_steps: int) -> Published | None:
    """The first published result of the same network, method and T; methods without spikes have no T."""
    for row in published_results():
        same_network = (row.dataset, row.architecture, row.method) == (dataset, architecture, method)
        if same_network and row.time_steps in (None, time_steps):
            return row
    return None
