"""Where a run would go on: nowhere as it is done, after an epoch, or at the start; plans and runs ask the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.config.run import RunConfig
from benchmarks.results import EpochResult
from benchmarks.tracking import Runs
from benchmarks.tracking.environment import code_checksum
from benchmarks.training.checkpoints import RunCheckpoints, epochs_kept
from benchmarks.training.state import Snapshot, history_of

State = Literal["done", "unfinished", "new"]

OTHER_CODE = "made by other code than this"
"""What is said of such a run, see `Standing.of_other_code`."""


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Parameters
    ----------
    state : str
        ``done``: has its outcome, a divergence included; ``unfinished``: goes on from a checkpoint; ``new``: begins at
        the start, a run that failed without a checkpoint included.
    why : str
        What speaks for it; empty if there is nothing to say.
    epochs : int
        That are behind it.
    snapshot : Snapshot, optional
        From which it goes on.
    problems : tuple of str
        Why checkpoints that are there are not used.
    of_other_code : bool
        Whether it is done, by another version of the suite or of a plug-in.
    """

    state: State
    why: str = ""
    epochs: int = 0
    snapshot: Snapshot | None = None
    problems: tuple[str, ...] = ()
    of_other_code: bool = False

    @property
    def done(self) -> bool:
        """Whether there is nothing to run."""
        return self.state == "done"

    def history(self) -> list[EpochResult]:
        """Epochs that are behind it."""
        return [] if self.snapshot is None else history_of(self.snapshot)


def where_to_go_on(
    study: str,
    config: RunConfig,
    *,
    runs: Runs,
    checkpoints: Path | None,
    deciding: Callable[[], Mapping[str, str] | None],
) -> Standing:
    """Say where a run would go on.

    Parameters
    ----------
    study, config : str, RunConfig
        Which run.
    runs : Runs
        Where its record is, if it has one.
    checkpoints : Path, optional
        Root of the checkpoints of all runs, which may be that of the records.
    deciding : callable
        Gives all that has to be equal for a checkpoint to be used, see `Environment.deciding`; None if that is not
        known here. Asked only if there is a checkpoint.

    Raises
    ------
    TrackingError
        If the record cannot be read.
    """
    key = config.run_key
    record = runs.find(study, key)
    if record is not None and record.done:
        other = record.environment.get("code_checksum") != code_checksum()
        ending = "" if record.status == "finished" else f"{record.status}: {record.reason}"
        return Standing("done", "; ".join(filter(None, (ending, OTHER_CODE * other))), of_other_code=other)
    ended = "" if record is None else f"{record.status} before: {record.reason}"
    kept = epochs_kept(checkpoints, study, key)
    if checkpoints is None or not kept:
        return Standing("new", ended)
    here = deciding()
    if here is None:
        return Standing("unfinished", "if its checkpoint fits the data and the machine", kept)
    found = RunCheckpoints.of(checkpoints, study, key, here).find()
    if found.snapshot is None:
        return Standing("new", "; ".join(found.problems), problems=found.problems)
    return Standing("unfinished", ended, len(found.snapshot["history"]), found.snapshot, found.problems)
