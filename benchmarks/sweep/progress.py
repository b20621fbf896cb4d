"""How far a sweep is and how long it still takes: read from the records, which every run writes after each epoch."""

import json
import threading
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.executors.executor import Outcome
from benchmarks.study.study import Cell
from benchmarks.sweep.durations import makespan, range_in_words
from benchmarks.sweep.estimate import CellCost, kind_of
from benchmarks.sweep.plan import PlannedRun
from benchmarks.tracking import Runs
from benchmarks.tracking.runs import RECORD_FILE

CLOCKS_APART = 0.1
"""Seconds by which the clock of files may be behind."""

FEW = 4
"""Below so many epochs, their range is that of all; from there on that between the quartiles."""


@dataclass
class _Run:
    """A run that has not ended, as its record shows it."""

    cell: Cell
    file: Path
    cost: CellCost | None
    before: int
    behind: int
    changed: float
    going: bool = False
    seconds: list[float] = field(default_factory=list)
    latest: Mapping[str, Any] = field(default_factory=dict)

    def look(self) -> bool:
        """Read the record if it has changed; whether it has."""
        try:
            changed = self.file.stat().st_mtime
            if changed <= self.changed:
                return False  # also if it is of an earlier call
            record = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False  # not there yet, or not on this machine
        self.changed, history = changed, record["history"]
        self.going = record["status"] == "running"
        self.behind = len(history)
        self.seconds = [epoch["train_seconds"] + epoch["test_seconds"] for epoch in history[self.before :]]
        self.latest = history[-1] if history and self.going else {}
        return True

    def in_words(self) -> str:
        """Where the run stands."""
        epochs = f"epoch {self.behind} of {self.cell.config.epochs}"
        loss, accuracy = self.latest.get("train_loss"), self.latest.get("test_accuracy")
        numbers = ["" if loss is None else f"loss {loss:.3g}", "" if accuracy is None else f"{accuracy:.2%}"]
        return f"{self.cell.title}: {', '.join(filter(None, (epochs, *numbers)))}"


class Progress:
    """What is left of a sweep; may be asked by several threads.

    Parameters
    ----------
    plan : sequence of PlannedRun
        Runs that are to run, in their order.
    runs : Runs
        Where their records are.
    study : str
        Their study.
    costs : sequence of CellCost
        What was estimated; empty if nothing was.
    at_once : int
        Runs at a time.
    """

    def __init__(
        self, plan: Sequence[PlannedRun], runs: Runs, study: str, *, costs: Sequence[CellCost], at_once: int
    ) -> None:
        by_key, now = {cost.config.run_key: cost for cost in costs}, time.time() - CLOCKS_APART
        self._left = {
            (key := planned.cell.config.run_key): _Run(
                planned.cell,
                runs.folder(study, key) / RECORD_FILE,
                by_key.get(key),
                before=planned.epochs,
                behind=planned.epochs,
                changed=now,
            )
            for planned in plan
        }
        self._all, self._at_once = len(plan), at_once
        self._measured: dict[Hashable, list[float]] = {}
        self._estimated = {kind_of(cost.config): cost.speed.epoch for cost in costs}
        self._lock = threading.Lock()

    def ended(self, run_key: str, outcome: Outcome) -> None:
        """Take a run off, and keep how long its epochs took."""
        with self._lock:
            run = self._left.pop(run_key)
            run.look()
            if outcome.status == "finished":
                self._measured.setdefault(kind_of(run.cell.config), []).extend(run.seconds)

    def look(self) -> bool:
        """Read the records that have changed; whether one has."""
        with self._lock:
            changed = [run.look() for run in self._left.values()]  # all of them, be one found or not
            return any(changed)

    def line(self) -> str:
        """Say how far the sweep is: runs that have ended, each that is in progress, and what is left."""
        with self._lock:
            going = [run.in_words() for run in self._left.values() if run.going]
            done = f"[{self._all - len(self._left)}/{self._all}]"
        return f"{done} {' | '.join(going) or 'getting ready'}{self.left()}"

    def left(self) -> str:
        """Return how long it still takes for the end of a line, or nothing if nothing is known or left."""
        found = self.seconds()
        return "" if found is None else f"; {range_in_words(*found)} left"

    def seconds(self) -> tuple[float, float] | None:
        """Fewest and most seconds that are left, from measured epochs where there are some; None if unknown."""
        with self._lock:
            runs = list(self._left.values())
            rates = self._rates(runs)
        if not runs or any(rates.get(kind_of(run.cell.config)) is None for run in runs):
            return None
        now = time.time()
        low, high = ([_seconds(run, rates[kind_of(run.cell.config)][end], now) for run in runs] for end in (0, 1))
        return makespan(low, self._at_once), makespan(high, self._at_once)

    def _rates(self, runs: Iterable[_Run]) -> dict[Hashable, tuple[float, float]]:
        """Fewest and most seconds an epoch of each kind of run."""
        measured = {kind: list(seconds) for kind, seconds in self._measured.items()}
        for run in runs:
            if run.going:
                measured.setdefault(kind_of(run.cell.config), []).extend(run.seconds)
        rates = {kind: _range(seconds) for kind, seconds in measured.items() if seconds}
        # What was estimated and not measured yet is as far off as what was measured since.
        factors = [median(measured[kind]) / self._estimated[kind] for kind in rates if self._estimated.get(kind)]
        low, high = (min(factors), max(factors)) if factors else (1.0, 1.0)
        for kind, seconds in self._estimated.items():
            rates.setdefault(kind, (low * seconds, high * seconds))
        return rates


def _seconds(run: _Run, rate: float, now: float) -> float:
    """What is left of a run at so many seconds an epoch."""
    left = (run.cell.config.epochs - run.behind) * rate
    begun = min(rate, max(0.0, now - run.changed)) if run.going and left else 0.0
    return left - begun + (0.0 if run.cost is None else run.cost.speed.finish)


def _range(seconds: Sequence[float]) -> tuple[float, float]:
    if len(seconds) < FEW:
        return min(seconds), max(seconds)
    quarters = quantiles(seconds, n=4)
    return quarters[0], quarters[2]
