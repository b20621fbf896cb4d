"""Files with bytes that were changed, cut, put in or taken out: read as they are, refused in a line, or made anew."""

import io
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.datasets.events import frame_cache
from benchmarks.datasets.events.frame_cache import Recording, load_frames
from benchmarks.datasets.events.frames import FrameParameters, bin_events
from benchmarks.datasets.events.recording import LAST_TIME, SENSOR, encode_events, read_events
from benchmarks.datasets.images.folder import read_image_folder
from benchmarks.datasets.mnist import MNIST
from benchmarks.datasets.samples.split import ImageSplit
from benchmarks.datasets.sources.mnist_wheel import read_pickle
from benchmarks.tracking import Runs
from benchmarks.training.checkpoints import read_checkpoint
from reports.load import results_from_csv
from tests.attacks.conftest import Tally
from tests.benchmarks.recordings import random_events
from tests.benchmarks.test_packaged_sources import nielsens_pickle
from tests.benchmarks.test_resume import saved
from tests.benchmarks.tracked import STUDY, config_of, log_run
from tests.conftest import write_mnist
from tests.reports.made import results_of, run_row
from tssl_core.errors import TSSLError

EVENTS, IDX, IMAGES, PICKLES, CHECKPOINTS, RECORDS, TABLES, CACHES = 3500, 1500, 2500, 800, 500, 600, 400, 300


CHANGES: tuple[Callable[[bytes, int, bytes], bytes], ...] = (
    lambda content, place, _: content[:place],
    lambda content, place, noise: content[:place] + bytes([content[place] ^ 1 << noise[0] % 8]) + content[place + 1 :],
    lambda content, place, noise: content[:place] + noise + content[place:],
    lambda content, place, noise: content[:place] + noise + content[place + len(noise) :],
    lambda content, place, noise: content[:place] + content[place + len(noise) :],
    lambda content, place, noise: content[:place] + bytes(len(noise)) + content[place + len(noise) :],
    lambda content, place, noise: content[: place % 64] + b"\xff" * len(noise) + content[place % 64 + len(noise) :],
)
"""What is done to content at a place: cut, a bit flipped, noise put in or over it, bytes taken out, zeros, ones at the
beginning."""


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Return content with one to three things done to it."""
    for _ in range(draw.randint(1, 3)):
        if content:
            change = draw.choice(CHANGES)
            content = change(content, draw.randrange(len(content)), draw.randbytes(draw.randint(1, 20)))
    return content


def attack(
    tally: Tally, times: int, originals: dict[Path, bytes], read: Callable[[], str | None], seed: int = 0
) -> None:
    """Damage one of some files, read all, and count; `read` says what is wrong with what it got."""
    draw = random.Random(seed)
    for number in range(times):
        path, content = draw.choice(list(originals.items()))
        changed = damaged(content, draw)
        path.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                failure = read()
        except TSSLError as error:
            failure = None if "\n" not in str(error) and str(error) else f"not one line: {error!r}"
        except Exception as error:
            failure = repr(error)
        if changed == content and failure:
            failure = f"an unchanged file is refused: {failure}"
        tally.add(f"{number} {path.name}", failure)
        path.write_bytes(content)


def test_damaged_recordings_of_events(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "0.bin"

    def read() -> str | None:
        events = read_events(path)
        bin_events(events, FrameParameters())
        inside = all(0 <= events[axis].min() <= events[axis].max() < SENSOR for axis in "xy")
        times = events["t"]
        fine = inside and 0 <= times[0] <= times[-1] <= LAST_TIME and set(events["p"].tolist()) <= {0, 1}
        return None if fine else "events that there cannot be"

    attack(tally, EVENTS, {path: encode_events(random_events(0, 60))}, read)


def test_damaged_idx_files(tmp_path: Path, tally: Tally) -> None:
    raw = tmp_path / "MNIST" / "raw"
    write_mnist(raw, train=4, test=3)

    def read() -> str | None:
        data = MNIST().load(tmp_path)
        for split in (data.train, data.test):
            assert isinstance(split, ImageSplit)
            if split.images.shape[1:] != (1, 28, 28) or not 0 <= split.labels.min() <= split.labels.max() < 10:
                return f"images {tuple(split.images.shape)}, labels {split.labels.tolist()}"
        return None

    attack(tally, IDX, {path: path.read_bytes() for path in raw.iterdir()}, read)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_damaged_images(tmp_path: Path, tally: Tally, kind: str) -> None:
    path = tmp_path / "cat" / f"1.{kind.lower()}"
    path.parent.mkdir()
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(stream, kind)

    def read() -> str | None:
        images = read_image_folder(tmp_path, ["cat"], (3, 32, 32)).images
        return None if images.shape == (1, 3, 32, 32) else f"images {tuple(images.shape)}"

    attack(tally, IMAGES // 2, {path: stream.getvalue()}, read)


def test_damaged_pickles(tmp_path: Path, tally: Tally) -> None:
    write_mnist(tmp_path, train=40, test=2)
    path = tmp_path / "pickle"

    def read() -> str | None:
        parts = read_pickle(path.read_bytes())
        fine = all(images.shape[1:] == (28, 28) and labels.ndim == 1 for images, labels in parts)
        return None if fine else "arrays of other shapes"

    attack(tally, PICKLES, {path: nielsens_pickle(tmp_path)}, read)


def test_damaged_checkpoints(tmp_path: Path, tally: Tally) -> None:
    _, checkpoints = saved(tmp_path, epochs=1)
    (path,) = checkpoints.folder.iterdir()
    content = path.read_bytes()

    def read() -> str | None:
        read_checkpoint(path)
        return None if path.read_bytes() == content else "a changed checkpoint is believed"

    attack(tally, CHECKPOINTS, {path: content}, read)


def test_damaged_records(tmp_path: Path, tally: Tally) -> None:
    runs = Runs(tmp_path)
    log_run(runs, config_of())
    (path,) = runs.files(STUDY)

    def read() -> str | None:
        runs.records(STUDY)
        return None

    attack(tally, RECORDS, {path: path.read_bytes()}, read)


def test_damaged_tables_of_reports(tmp_path: Path, tally: Tally) -> None:
    results_of(run_row(), run_row(seed="1")).write(tmp_path)
    originals = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def read() -> str | None:
        results_from_csv(tmp_path, "made")
        same = all(path.read_bytes() == content for path, content in originals.items() if path.suffix == ".csv")
        return None if same else "a changed table is believed"

    attack(tally, TABLES, originals, read)


def test_damaged_caches_of_frames(tmp_path: Path, tally: Tally) -> None:
    recordings = []
    for number in range(3):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(encode_events(random_events(number, 50)))
        recordings.append(Recording(path, number))

    def load() -> dict[str, Any]:
        frame_cache._digest.cache_clear()
        split = load_frames(recordings, tmp_path / "made", name="x", time_steps=30, parameters=FrameParameters())
        inputs, labels = split.batch(torch.arange(3))
        return {"inputs": inputs, "labels": labels, "checksum": split.checksum()}

    right = load()
    (cache,) = (tmp_path / "made").iterdir()
    kept = tmp_path / "kept"
    shutil.copytree(cache, kept)

    def read() -> str | None:
        found = load()
        same = torch.equal(found["inputs"], right["inputs"]) and torch.equal(found["labels"], right["labels"])
        return None if same and found["checksum"] == right["checksum"] else "other frames"

    attack(tally, CACHES, {cache / path.name: path.read_bytes() for path in kept.iterdir()}, read)
