"""MNIST seen by a model of the camera that recorded N-MNIST. It is not N-MNIST, and never reported as such."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from benchmarks.datasets.events.camera import Camera, record
from benchmarks.datasets.events.recording import encode_events
from benchmarks.datasets.events.workers import shared_out
from benchmarks.datasets.mnist import MNIST
from benchmarks.datasets.nmnist import NMNIST, PARTS
from benchmarks.datasets.samples.split import ImageSplit
from benchmarks.datasets.sources.source import Source, write_whole
from benchmarks.errors import DatasetError

FOLDER, CAMERA_FILE = "NMNIST-simulated", "camera.json"
IMAGES_A_CHUNK = 100
"""Images that a worker records at a time: few enough to stay in its cache."""


class Simulation(Source):
    """A model of the camera before the images of MNIST."""

    name = "simulation"
    title = "simulated recordings of MNIST (not N-MNIST)"

    def fetch(self, folder: Path, root: Path) -> None:
        """Record every image of MNIST, on all processors; recordings that are there already are kept."""
        mnist = MNIST().load(root)
        camera = Camera()
        for part, split in (("train", mnist.train), ("test", mnist.test)):
            assert isinstance(split, ImageSplit)
            record_images(split, folder / FOLDER / PARTS[part], camera, first_seed=0 if part == "train" else 10**6)
        write_whole(folder / FOLDER / CAMERA_FILE, camera_json(camera))


def record_images(split: ImageSplit, folder: Path, camera: Camera, *, first_seed: int) -> None:
    """Record images into files ``<digit>/<number>.bin``, numbered from 1 as in N-MNIST.

    Parameters
    ----------
    split : ImageSplit
        Images ``[N, 1, 28, 28]`` and labels.
    folder : Path
        Of the part.
    camera : Camera
        What records.
    first_seed : int
        Of the noise of the first image; the next one has the next seed.
    """
    paths = [folder / str(label) / f"{number:05}.bin" for number, label in enumerate(split.labels.tolist(), start=1)]
    chunks = [
        (split.images[first : first + IMAGES_A_CHUNK, 0], paths[first : first + IMAGES_A_CHUNK], first_seed + first)
        for first in range(0, len(split), IMAGES_A_CHUNK)
    ]
    todo = [chunk for chunk in chunks if not all(path.exists() for path in chunk[1])]
    for _ in shared_out(partial(record_chunk, camera=camera), todo, description=f"recording {folder.name}"):
        pass


def record_chunk(chunk: tuple[Tensor, list[Path], int], camera: Camera) -> None:
    """Record some images into their files."""
    images, paths, seed = chunk
    recordings = record(images, camera, [seed + number for number in range(len(images))])
    for path, events in zip(paths, recordings, strict=True):
        write_whole(path, encode_events(events))


class SimulatedNMNIST(NMNIST):
    """70,000 simulated recordings, in N-MNIST's folders and format."""

    name = "nmnist_simulated"
    title = "N-MNIST (simulated)"
    sources: ClassVar[Sequence[Source]] = (Simulation(),)

    def folder(self, root: Path) -> Path:
        """Folder of the two parts."""
        return root / FOLDER

    def missing(self, root: Path) -> list[Path]:
        """The folder, if it is not there: it comes as one."""
        folder = self.folder(root)
        return [] if folder.is_dir() else [folder]

    def prepare(self, root: Path, source: str | None = None) -> str:
        """Simulate what is not there yet.

        Raises
        ------
        DatasetError
            If the recordings that are there were made by another camera.
        """
        super().prepare(root, source)
        path = self.folder(root) / CAMERA_FILE
        there, camera = path.read_bytes() if path.is_file() else b"", camera_json(Camera())
        if there != camera:
            raise DatasetError(
                f"{self.folder(root)} was simulated with another camera than this version's (see {path.name}); "
                f"delete the folder, and it is simulated again"
            )
        return Simulation.title  # whether just made or there before, a report has to say it


def camera_json(camera: Camera) -> bytes:
    """Return the parameters of a camera as they stand beside its recordings."""
    return (json.dumps(asdict(camera), indent=2) + "\n").encode()
