"""What a sweep would do: each cell and how it stands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.checkpoints import epochs_kept
from benchmarks.study import Cell, Study
from benchmarks.tracking import Tracker

State = Literal["done", "skipped", "unfinished", "new"]


@dataclass(frozen=True)
class Entry:
    """One cell of a plan.

    Parameters
    ----------
    cell : Cell
        Which.
    state : str
        ``done``: has its row, a run that diverged included; ``skipped``: the method does not support it;
        ``unfinished``: there is a checkpoint; ``new``: would run from the start, a run that failed included.
    epochs : int
        That the newest checkpoint has behind it.
    done : bool
        Whether the store has its row, be that of a skipped one.
    chosen : bool
        Whether the sweep would run it.
    """

    cell: Cell
    state: State
    epochs: int
    done: bool
    chosen: bool

    def line(self) -> str:
        """Run key, state and configuration in a line."""
        config = self.cell.config
        about = {"unfinished": f", {self.epochs} of {config.epochs} epochs", "skipped": f": {self.cell.skip_reason}"}
        words = f"{config.run_key}  {self.cell.title}, {config.epochs} epochs"
        left_out = "" if self.chosen or self.done else " (beyond --limit)"
        return f"{words}  {self.state}{about.get(self.state, '')}{left_out}"


def plan_of(
    study: Study, tracker: Tracker, *, checkpoints: Path | None, fresh: bool = False, limit: int | None = None
) -> list[Entry]:
    """Say of each cell of a study how it stands.

    Parameters
    ----------
    study, tracker : Study, Tracker
        What would run, and the store that knows what is done.
    checkpoints : Path, optional
        Folder of the checkpoints.
    fresh, limit : bool, int
        As for `benchmarks.sweep.run_study`.
    """
    done = set() if fresh else tracker.done_keys(study.name)
    entries: list[Entry] = []
    chosen = 0
    for cell in study.cells:
        key = cell.config.run_key
        epochs = 0 if fresh else epochs_kept(checkpoints, study.name, key)
        state: State = "unfinished" if epochs else "new"
        if cell.skip_reason is not None:
            state = "skipped"
        elif key in done:
            state = "done"
        runs = key not in done and (limit is None or chosen < limit)
        chosen += runs
        entries.append(Entry(cell, state, epochs, key in done, runs))
    return entries
