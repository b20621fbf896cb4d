"""N-MNIST: MNIST recorded by an event camera that makes three saccades (Orchard et al. 2015)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.datasets.dataset import Dataset, cache_folder
from benchmarks.datasets.events.frame_cache import EventSplit, Recording, load_frames
from benchmarks.datasets.events.frames import CHANNELS, FrameParameters
from benchmarks.datasets.events.recording import SENSOR, read_events
from benchmarks.datasets.samples.split import Data
from benchmarks.datasets.sources.needed import needed
from benchmarks.datasets.sources.source import Source
from benchmarks.errors import DatasetError

PARTS = {"train": "Train", "test": "Test"}
"""Folders of the two parts; in each, a folder for every digit."""


class TonicDownload(Source):
    """The two archives of the published recordings."""

    name = "tonic"
    title = "tonic download"

    def fetch(self, folder: Path, root: Path) -> None:
        """Have tonic fetch, check and unpack both archives; they are deleted after that."""
        del root
        for train in (True, False):
            data = needed("tonic.datasets", package="tonic").NMNIST(str(folder), train=train)
            Path(data.location_on_system, data.filename).unlink(missing_ok=True)


class NMNIST(Dataset):
    """Recordings of all 70,000 digits of MNIST, 34 x 34 pixels, about 300 ms."""

    name = "nmnist"
    title = "N-MNIST"
    input_shape = (CHANNELS, SENSOR, SENSOR)
    events = True
    Parameters = FrameParameters
    sources: ClassVar[Sequence[Source]] = (TonicDownload(),)
    counts: ClassVar[dict[str, tuple[int, ...]]] = {
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    }
    """Recordings of each digit; those of MNIST's images."""

    def folder(self, root: Path) -> Path:
        """Folder of the two parts, as tonic lays it out."""
        return root / "NMNIST"

    def missing(self, root: Path) -> list[Path]:
        """Those of the two folders that are not there."""
        return [path for path in (self.folder(root) / part for part in PARTS.values()) if not path.is_dir()]

    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read frames of all recordings, after making them once, and after fetching the recordings if need be."""
        source = self.prepare(root)
        train, test = (self._split(root, part, parameters or FrameParameters(), time_steps) for part in PARTS)
        return Data(train, test, source)

    def _split(self, root: Path, part: str, parameters: FrameParameters, time_steps: int) -> EventSplit:
        recordings = self.recordings(root, part)
        name = f"{self.name}-{part}"
        return load_frames(recordings, cache_folder(root), name=name, time_steps=time_steps, parameters=parameters)

    def recordings(self, root: Path, part: str) -> list[Recording]:
        """Find the recordings of ``"train"`` or ``"test"``, in the order of MNIST's images.

        Raises
        ------
        DatasetError
            If the folder of a digit is missing or empty, or there is one too many.
        """
        folder = self.folder(root) / PARTS[part]
        digits = [str(digit) for digit in range(self.classes)]
        there = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        if there != digits:
            raise DatasetError(f"{folder} has the folders {', '.join(there) or 'none'}; expected {', '.join(digits)}")
        found = []
        for digit in digits:
            files = [Path(entry.path) for entry in os.scandir(folder / digit) if entry.name.endswith(".bin")]
            if not files:
                raise DatasetError(f"{folder / digit} has no recordings (*.bin); prepare {self.name} again")
            found += [Recording(path, int(digit)) for path in files]
        # The files are numbered through all digits. In the order of the folders, the first ones would all be zeros.
        return sorted(found, key=lambda recording: (recording.path.name, recording.label))

    def verify(self, root: Path) -> list[str]:
        """Count the recordings of each digit and read every one."""
        if self.missing(root):
            return super().verify(root)
        problems = []
        for part, expected in self.counts.items():
            try:
                recordings = self.recordings(root, part)
            except DatasetError as error:
                problems.append(str(error))
                continue
            for digit, count in enumerate(expected):
                there = sum(recording.label == digit for recording in recordings)
                if there != count:
                    folder = self.folder(root) / PARTS[part] / str(digit)
                    problems.append(f"{folder} has {there:,} recordings, expected {count:,}")
            problems += _damaged(recordings)
        return problems


def _damaged(recordings: Sequence[Recording]) -> list[str]:
    problems = []
    for recording in recordings:
        try:
            read_events(recording.path)
        except DatasetError as error:
            problems.append(str(error))
    return problems
