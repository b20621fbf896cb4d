"""Checkpoints of a run: written after an epoch, taken up after an interruption, removed with its result.

A file is a line with a checksum of all that follows, and what `torch.save` makes of a snapshot. PyTorch itself would
read changed weights from a damaged file without a word.
"""

import hashlib
import io
import pickle
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.errors import CheckpointError
from benchmarks.platform.atomic import write_atomically
from benchmarks.platform.folders import run_folder
from benchmarks.training.state import Snapshot, TrainingState

FORMAT = "TSSL checkpoint 1"
KEPT = 2
"""The newest one, and the one before it in case that is damaged."""

CHEAP = 0.1
"""Seconds that a checkpoint may take to be written after every epoch."""

SHARE = 0.01
"""Of a run's time at most, for those that take longer: on a GPU, to write a large network can take half an epoch."""

ALL = "epoch-*.pt"
"""Files of checkpoints in the folder of a run."""

DIGEST_LENGTH = 8
"""Of the part of a file's name that says in which environment it was written."""


@dataclass(frozen=True)
class Found:
    """What there is to go on from: a snapshot, if one can be used, and why others cannot."""

    snapshot: Snapshot | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunCheckpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder : Path
        Of the run, with its record in it or without; who holds the lock of the run may write there.
    identity : mapping
        Run key and all else that has to be equal for the run to go on as if it had not been interrupted. Files of
        another identity stay where they are until the run has finished, but are not used.
    """

    folder: Path
    identity: Mapping[str, str]

    @classmethod
    def of(cls, root: Path, study: str, run_key: str, environment: Mapping[str, str]) -> "RunCheckpoints":
        """Return the checkpoints of a run of a study, in the folder that its record has under the root of all runs.

        Raises
        ------
        TrackingError
            See `benchmarks.platform.folders.study_folder`.
        """
        return cls(run_folder(root, study, run_key), {"run_key": run_key, **environment})

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint and remove all but the newest two; a disk without room costs a warning, not the run."""
        stream = io.BytesIO()
        torch.save({"identity": dict(self.identity), **state.snapshot()}, stream)
        content = stream.getbuffer()
        header = f"{FORMAT} {hashlib.sha256(content).hexdigest()}\n".encode()
        path = self.folder / f"epoch-{len(state.history):06}-{self._digest()}.pt"
        try:
            write_atomically(path, header + content)
            for old in self._mine()[KEPT:]:
                old.unlink()
        except OSError as error:
            warnings.warn(
                f"no checkpoint in {self.folder}: {error.strerror}; the run goes on, but once interrupted it starts "
                "from an earlier epoch. Make room, or name another folder by --checkpoints",
                stacklevel=2,
            )

    def find(self) -> "Found":
        """Read the newest checkpoint that can be used, and say of each that cannot be used why."""
        mine = self._mine()
        problems: list[str] = []
        for path in mine:
            try:
                return Found(self._read(path), tuple(problems))
            except CheckpointError as error:
                problems.append(str(error))
        for path in sorted(set(self.folder.glob(ALL)) - set(mine), reverse=True)[:1]:
            try:
                self._read(path)
            except CheckpointError as error:
                problems.append(str(error))
        return Found(None, tuple(problems))

    def leaves_files(self) -> bool:
        """Whether there are checkpoints."""
        return any(self.folder.glob(ALL))

    def discard(self) -> None:
        """Remove all checkpoints of the run, and the folder if nothing else is in it."""
        with suppress(OSError):
            for path in self.folder.glob(f"{ALL}*"):  # what a killed process has left behind included
                path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _mine(self) -> list[Path]:
        """Files of this identity, the newest first."""
        return sorted(self.folder.glob(f"epoch-*-{self._digest()}.pt"), reverse=True)

    def _digest(self) -> str:
        return hashlib.sha256(repr(sorted(self.identity.items())).encode()).hexdigest()[:DIGEST_LENGTH]

    def _read(self, path: Path) -> Snapshot:
        """Read a checkpoint.

        Raises
        ------
        CheckpointError
            If it is damaged, no checkpoint, or that of another run or environment.
        """
        snapshot = read_checkpoint(path)
        found = snapshot.pop("identity")
        names = [name for name in self.identity if found.get(name) != self.identity[name]]
        if names:
            differences = ", ".join(f"{name} was {found.get(name)} and is {self.identity[name]}" for name in names)
            raise CheckpointError(f"checkpoint {path} is not used: {differences}")
        return snapshot


class CheckpointPace:
    """Saves the checkpoints of a run as often as they are worth their time: `CHEAP` ones always, others see `SHARE`."""

    def __init__(self, checkpoints: RunCheckpoints) -> None:
        self._checkpoints = checkpoints
        self._cost = 0.0
        self._saved = time.perf_counter()

    def after_epoch(self, state: TrainingState, *, last: bool) -> None:
        """Save a checkpoint if one is due; after the last epoch one is."""
        start = time.perf_counter()
        if last or self._cost <= CHEAP or self._cost <= SHARE * (start - self._saved):
            self._checkpoints.save(state)
            self._saved = time.perf_counter()
            self._cost = self._saved - start


def epochs_kept(root: Path | None, study: str, run_key: str) -> int:
    """Epochs that the newest checkpoint of a run has behind it by its name, whether or not it can be used here."""
    if root is None:
        return 0
    files = RunCheckpoints.of(root, study, run_key, {}).folder.glob(ALL)
    return max((int(path.name.split("-")[1]) for path in files), default=0)


def read_checkpoint(path: Path) -> Snapshot:
    """Read a checkpoint to the CPU, whoever's it is; nothing in the file is run.

    Raises
    ------
    CheckpointError
        If it is damaged or no checkpoint.
    """
    try:
        header, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror}") from error
    if not header.startswith(FORMAT.encode()):
        raise CheckpointError(f"{path} is no checkpoint: it does not begin with {FORMAT!r}")
    if header != f"{FORMAT} {hashlib.sha256(content).hexdigest()}".encode():
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not agree")
    try:
        snapshot: Snapshot = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        snapshot["identity"]
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"checkpoint {path} holds something else than plain values and tensors") from error
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError, OSError) as error:
        raise CheckpointError(
            f"checkpoint {path} was cut before its checksum was taken, or is none of a run"
        ) from error
    return snapshot
