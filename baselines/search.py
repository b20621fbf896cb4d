"""Where a search of parameters looks: what methods declare of theirs; no method itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tssl_core.errors import ParameterError

DIGITS = 3
"""Values are rounded to so many, so that people can write them."""


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds.

    Parameters
    ----------
    low, high : float
        Bounds, both included.
    log : bool
        Whether equal ratios, and not equal differences, are equally likely; then `low` is above 0.
    """

    low: float
    high: float
    log: bool = True

    def __post_init__(self) -> None:
        """Refuse bounds without anything between them."""
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ParameterError(f"a range from {self.low} to {self.high}; expected ascending bounds, above 0 if log")

    def at(self, place: float) -> float:
        """Return the value at a place between 0 and 1."""
        even = self.low + (self.high - self.low) * place
        return float(f"{self.low * (self.high / self.low) ** place if self.log else even:.{DIGITS}g}")


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Parameters
    ----------
    values : tuple
        All equally likely.
    """

    values: tuple[float | int | str, ...]

    def at(self, place: float) -> float | int | str:
        """Return the value at a place between 0 and 1."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


Space: TypeAlias = Mapping[str, Range | Choice]
"""By dotted name."""

LEARNING_RATE = Range(5e-5, 1e-2)
"""Of every method."""
