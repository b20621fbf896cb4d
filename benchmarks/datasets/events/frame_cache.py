"""Frames of many recordings, made once, kept on disk in compact form, and read from there batch by batch.

Of each frame only the pixels that are on are kept, two bytes each; a number for every bin says how many they are.
"""

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.datasets.events.frames import CHANNELS, PIXELS, FrameParameters, bin_events, steps_of_bins
from benchmarks.datasets.events.recording import SENSOR, read_events
from benchmarks.datasets.events.workers import shared_out
from benchmarks.errors import DatasetError

FORMAT = 1
"""Of the files; raised whenever equal recordings would give other ones."""

FILES_A_CHUNK = 250
"""Recordings that a worker turns into frames at a time."""

CPU = torch.device("cpu")

BLOCK = 2**22
"""Bytes that are read at a time where all are."""

_DAMAGED = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, EOFError),
    *(SyntaxError, TokenError, OverflowError, MemoryError, RecursionError),  # of numpy's header, which is Python's text
)
"""What reading files that were cut or changed raises."""

PIXELS_FILE, COUNTS_FILE, LABELS_FILE, META_FILE = "pixels.u16", "counts.npy", "labels.npy", "meta.json"


@dataclass(frozen=True)
class Recording:
    """A file of events and the class of what it shows."""

    path: Path
    label: int


@dataclass(frozen=True)
class EventSplit:
    """Binary frames of recordings.

    Parameters
    ----------
    pixels : ndarray
        ``[n]``, uint16, usually mapped from a file: the pixels that are on, by sample and bin.
    counts : ndarray
        ``[N, bins]``, uint16: how many of them each bin has.
    labels : Tensor
        ``[N]``, int64.
    time_steps : int
        T; later bins are left out, and steps after the last bin are empty.
    parameters : FrameParameters
        Decides which bin goes to which step.
    digest : str
        SHA-256 of the content.
    device : torch.device
        Of the batches.
    """

    pixels: NDArray[np.uint16]
    counts: NDArray[np.uint16]
    labels: Tensor
    time_steps: int
    parameters: FrameParameters
    digest: str
    device: torch.device = CPU
    on_device = False

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.concatenate([[0], self.counts.sum(1, dtype=np.int64).cumsum()])

    def draw(self, samples: int, draw: torch.Generator) -> None:
        """Draw nothing: it knows no random changes."""
        del samples, draw

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return spike trains ``[T, B, 2, 34, 34]``, float32, and labels ``[B]``."""
        del changes
        samples = indices.cpu().numpy()
        steps = steps_of_bins(self.counts.shape[1], self.time_steps, self.parameters)
        used = int((steps >= 0).sum())  # always the first ones
        counts = self.counts[samples, :used].astype(np.int64)
        starts = self._starts[samples]
        ends = starts + counts.sum(1)
        on = np.concatenate([self.pixels[start:end] for start, end in zip(starts, ends, strict=True)])
        bins_and_samples = np.broadcast_to(steps[:used] * len(samples), counts.shape) + np.arange(len(samples))[:, None]
        cells = np.repeat(bins_and_samples.ravel(), counts.ravel()) * PIXELS + on
        frames = torch.zeros(self.time_steps * len(samples) * PIXELS, device=self.device)
        frames.index_fill_(0, torch.from_numpy(cells).to(self.device), 1.0)
        shape = (self.time_steps, len(samples), CHANNELS, SENSOR, SENSOR)
        return frames.view(shape), self.labels[indices.cpu()].to(self.device)

    def checksum(self) -> str:
        """Return the SHA-256 of the frames and labels, before any is left out."""
        return self.digest

    def to(self, device: torch.device) -> "EventSplit":
        """Return the same split with its batches on another device; what is on disk stays there."""
        return replace(self, device=device)


def load_frames(
    recordings: Sequence[Recording], folder: Path, *, name: str, time_steps: int, parameters: FrameParameters
) -> EventSplit:
    """Read the frames of some recordings, after making them if they are not there, or not as they were written.

    Parameters
    ----------
    recordings : sequence of Recording
        In the order of the split.
    folder : Path
        Where frames are kept; made if need be.
    name : str
        Of dataset and part; the beginning of the name under which they are kept.
    time_steps : int
        T.
    parameters : FrameParameters
        How frames are made.

    Raises
    ------
    DatasetError
        If a recording is damaged, or the frames cannot be written, for example because the disk is full.
    """
    cache = folder / f"{name}-{_key(recordings, parameters)}"
    labels = np.array([recording.label for recording in recordings], np.int64)
    try:
        if not (cache / META_FILE).is_file():
            _make(recordings, cache, parameters)
        try:
            kept = _read(cache, labels)
        except _DAMAGED as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            warnings.warn(f"frames in {cache} are not as they were written ({reason}); made anew", stacklevel=2)
            _remove(cache)
            _make(recordings, cache, parameters)
            kept = _read(cache, labels)
    except OSError as error:
        raise DatasetError(
            f"cannot write frames to {cache}: {error}; free some space or name another data root"
        ) from error
    return EventSplit(kept.pixels, kept.counts, torch.from_numpy(labels), time_steps, parameters, kept.digest)


class _Kept(NamedTuple):
    """What is on disk: the fields of `EventSplit`."""

    pixels: NDArray[np.uint16]
    counts: NDArray[np.uint16]
    digest: str


def _read(cache: Path, labels: NDArray[np.int64]) -> _Kept:
    """Read frames, and check them against what was recorded of them; raises one of `_DAMAGED` if they do not fit."""
    meta = json.loads((cache / META_FILE).read_text(encoding="utf-8"))
    files = [cache / name for name in (PIXELS_FILE, COUNTS_FILE, LABELS_FILE)]
    stamps = tuple((found.st_mtime_ns, found.st_size, found.st_ino) for found in map(Path.stat, files))
    pixels: NDArray[np.uint16] = np.memmap(cache / PIXELS_FILE, np.uint16, "r", shape=(meta["pixels"],))
    counts = np.load(cache / COUNTS_FILE)
    if counts.dtype != np.uint16 or counts.ndim != 2 or len(counts) != len(labels) or counts.sum() != len(pixels):
        raise ValueError(f"{COUNTS_FILE} does not fit {len(labels)} recordings and {len(pixels)} pixels")
    if not np.array_equal(np.load(cache / LABELS_FILE), labels):
        raise ValueError(f"{LABELS_FILE} are not those of the recordings")
    if _digest(cache, stamps) != meta["checksum"]:
        raise ValueError("the checksum does not agree")
    return _Kept(pixels, counts, meta["checksum"])


@lru_cache
def _digest(cache: Path, stamps: tuple[tuple[int, ...], ...]) -> str:
    """SHA-256 of the content, taken once a process as long as the files are the same."""
    del stamps
    digest = hashlib.sha256(np.load(cache / LABELS_FILE).tobytes())
    with (cache / PIXELS_FILE).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    digest.update(np.load(cache / COUNTS_FILE).tobytes())
    return digest.hexdigest()


def _remove(cache: Path) -> None:
    """Remove frames; another process may be reading them, or removing them too."""
    aside = cache.with_name(f"{cache.name}.damaged-{os.getpid()}")
    with suppress(FileNotFoundError):
        cache.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _key(recordings: Sequence[Recording], parameters: FrameParameters) -> str:
    """Hash of all that the frames depend on; of the recordings' names, sizes and dates, as reading them takes long."""
    made_by = {key: value for key, value in asdict(parameters).items() if key != "edges"}
    digest = hashlib.sha256(json.dumps([FORMAT, made_by], sort_keys=True).encode())
    for recording in recordings:
        state = recording.path.stat()
        facts = (recording.path.name, recording.label, state.st_size, state.st_mtime_ns)
        digest.update(f"{facts}\n".encode())
    return digest.hexdigest()[:16]


def _make(recordings: Sequence[Recording], cache: Path, parameters: FrameParameters) -> None:
    """Write the frames into a folder beside `cache`, which gets its name when all of them are there."""
    partial_folder = cache.with_name(f"{cache.name}.partial-{os.getpid()}")
    shutil.rmtree(partial_folder, ignore_errors=True)  # of a process that was killed
    partial_folder.mkdir(parents=True)
    try:
        _write(recordings, partial_folder, parameters)
        if not cache.exists():
            partial_folder.replace(cache)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def _write(recordings: Sequence[Recording], folder: Path, parameters: FrameParameters) -> None:
    labels = np.array([recording.label for recording in recordings], np.int64)
    digest, counts, pixels = hashlib.sha256(labels.tobytes()), [], 0
    with (folder / PIXELS_FILE).open("wb") as file:
        for on, counts_of_chunk in _chunks([recording.path for recording in recordings], parameters):
            digest.update(on.tobytes())
            file.write(on.tobytes())
            counts += counts_of_chunk
            pixels += len(on)
    bins = max(len(of_sample) for of_sample in counts)
    table = np.stack([np.pad(of_sample, (0, bins - len(of_sample))) for of_sample in counts])
    digest.update(table.tobytes())
    np.save(folder / COUNTS_FILE, table)
    np.save(folder / LABELS_FILE, labels)
    meta = {"format": FORMAT, "parameters": asdict(parameters), "pixels": pixels, "checksum": digest.hexdigest()}
    (folder / META_FILE).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def _chunks(
    paths: Sequence[Path], parameters: FrameParameters
) -> Iterator[tuple[NDArray[np.uint16], list[NDArray[np.uint16]]]]:
    """Turn recordings into frames, in order, see `shared_out`."""
    chunks = [paths[first : first + FILES_A_CHUNK] for first in range(0, len(paths), FILES_A_CHUNK)]
    return shared_out(partial(frames_of, parameters=parameters), chunks, description="frames")


def frames_of(
    paths: Sequence[Path], parameters: FrameParameters
) -> tuple[NDArray[np.uint16], list[NDArray[np.uint16]]]:
    """Read some recordings and make their frames.

    Returns
    -------
    pixels : ndarray
        ``[n]``, uint16: those that are on, by recording and bin.
    counts : list of ndarray
        How many of them each bin of each recording has, uint16.
    """
    pixels, counts = [], []
    for path in paths:
        bins, on = bin_events(read_events(path), parameters)
        pixels.append(on.astype(np.uint16))
        counts.append(np.bincount(bins, minlength=1).astype(np.uint16))
    return np.concatenate(pixels), counts
