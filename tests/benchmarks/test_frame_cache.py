"""Frames that are kept on disk are those that their checksum says, or made anew."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.datasets.events import frame_cache
from benchmarks.datasets.events.frame_cache import EventSplit, Recording, load_frames
from benchmarks.datasets.events.frames import FrameParameters
from benchmarks.datasets.events.recording import encode_events
from benchmarks.errors import DatasetError
from tests.benchmarks.recordings import random_events

Damage = Callable[[Path], None]


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    """A few recordings of three classes."""
    made = []
    for number in range(6):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(encode_events(random_events(number, 50)))
        made.append(Recording(path, number % 3))
    return made


def load(recordings: list[Recording], folder: Path) -> EventSplit:
    """As a new process does."""
    frame_cache._digest.cache_clear()
    return load_frames(recordings, folder / "made", name="x", time_steps=30, parameters=FrameParameters())


def flipped(name: str, position: int) -> Damage:
    def damage(cache: Path) -> None:
        content = bytearray((cache / name).read_bytes())
        content[position] ^= 1
        (cache / name).write_bytes(content)

    return damage


def cut(name: str, left: int) -> Damage:
    def damage(cache: Path) -> None:
        (cache / name).write_bytes((cache / name).read_bytes()[:left])

    return damage


def replaced(name: str, old: str, new: str) -> Damage:
    def damage(cache: Path) -> None:
        text = (cache / name).read_bytes()
        assert old.encode() in text
        (cache / name).write_bytes(text.replace(old.encode(), new.encode(), 1))

    return damage


def reshaped(cache: Path) -> None:
    counts = np.load(cache / "counts.npy")
    np.save(cache / "counts.npy", counts.reshape(3, -1))


def without(name: str) -> Damage:
    return lambda cache: (cache / name).unlink()


DAMAGES = {
    "a bit of a pixel": flipped("pixels.u16", 10),
    "a bit of a count": flipped("counts.npy", -10),
    "a bit of a label": flipped("labels.npy", -8),
    "a bit of the shape": reshaped,
    "cut pixels": cut("pixels.u16", 100),
    "cut counts": cut("counts.npy", 140),
    "cut labels": cut("labels.npy", 60),
    "no pixels": without("pixels.u16"),
    "no labels": without("labels.npy"),
    "empty facts": cut("meta.json", 0),
    "cut facts": cut("meta.json", 40),
    "other facts": replaced("meta.json", "checksum", "checkers"),
    "another number of pixels": replaced("meta.json", '"pixels": ', '"pixels": 9'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_frames_that_were_changed_or_cut_are_made_anew_with_a_warning(
    recordings: list[Recording], tmp_path: Path, damage: Damage
) -> None:
    right = load(recordings, tmp_path)
    inputs, labels = right.batch(torch.arange(6))
    (cache,) = (tmp_path / "made").iterdir()
    damage(cache)
    with pytest.warns(
        UserWarning, match=rf"frames in {re.escape(str(cache))} are not as they were written .* made anew"
    ):
        again = load(recordings, tmp_path)
    assert torch.equal(again.batch(torch.arange(6))[0], inputs)
    assert torch.equal(again.batch(torch.arange(6))[1], labels)
    assert again.checksum() == right.checksum()
    assert list((tmp_path / "made").iterdir()) == [cache]
    load(recordings, tmp_path)  # without a warning


def test_the_checksum_is_taken_once_a_process(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(recordings, tmp_path)
    before = frame_cache._digest.cache_info().misses
    load_frames(recordings, tmp_path / "made", name="x", time_steps=5, parameters=FrameParameters())
    assert frame_cache._digest.cache_info().misses == before


def test_frames_are_not_written_through_a_link(recordings: list[Recording], tmp_path: Path) -> None:
    other = tmp_path / "another's"
    other.mkdir()
    load(recordings, tmp_path)
    (cache,) = (tmp_path / "made").iterdir()
    for file in cache.iterdir():
        file.unlink()
    cache.rmdir()
    cache.with_name(f"{cache.name}.partial-{os.getpid()}").symlink_to(other)
    with pytest.raises(DatasetError, match=r"cannot write frames to .*: .*File exists"):
        load(recordings, tmp_path)
    assert list(other.iterdir()) == []
