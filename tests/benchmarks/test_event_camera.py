"""The model of the camera: when a pixel answers, when it is blind, and what all recordings have in common."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.events.camera import Camera, position, record, thresholds
from benchmarks.datasets.events.recording import encode_events
from benchmarks.datasets.samples.split import ImageSplit

QUIET = Camera(noise_hz=0.0)


def bar(column: int = 12, width: int = 4) -> Tensor:
    picture = torch.zeros(1, 28, 28, dtype=torch.uint8)
    picture[:, 6:22, column : column + width] = 255
    return picture


def test_the_picture_moves_along_the_three_saccades_and_comes_back() -> None:
    ends = [position(end, QUIET) for _, end in QUIET.moves_us]
    assert np.allclose(ends, [(3.5, 7), (7, 0), (0, 0)])
    start, end = QUIET.moves_us[0]
    assert np.allclose(position((start + end) / 2, QUIET), (1.75, 3.5)), "halfway in the middle"
    assert position(0, QUIET) == (0, 0)


def test_an_empty_picture_gives_noise_alone_and_at_its_rate() -> None:
    black = torch.zeros(50, 28, 28, dtype=torch.uint8)
    assert [len(events) for events in record(black[:1], QUIET, [0])] == [0]
    noise = np.concatenate(record(black, replace(QUIET, noise_hz=2.0), list(range(50))))
    expected = 2 * 34 * 34 * 0.311 * 50
    assert abs(len(noise) - expected) < 4 * expected**0.5
    assert 0.45 < noise["p"].mean() < 0.55


def test_a_recording_depends_on_its_image_and_seed_and_not_on_its_neighbours() -> None:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (5, 28, 28), generator=draw).to(torch.uint8)
    together = record(images, Camera(), [0, 1, 2, 3, 4])
    for number in (0, 3):
        (alone,) = record(images[number : number + 1], Camera(), [number])
        assert encode_events(alone) == encode_events(together[number])
    (other,) = record(images[:1], Camera(), [9])
    assert encode_events(other) != encode_events(together[0])


def test_a_pixel_is_blind_for_its_refractory_period() -> None:
    camera = replace(QUIET, refractory_us=4000, threshold=0.1)
    (events,) = record(bar(), camera, [0])
    pixel = events["y"] * 34 + events["x"]
    order = np.lexsort((events["t"], pixel))
    gaps = np.diff(events["t"][order])[np.diff(pixel[order]) == 0]
    assert len(gaps) > 500
    assert gaps.min() >= 3999  # times are cut to whole microseconds


def test_brightness_that_comes_and_goes_is_told_apart() -> None:
    upright = replace(QUIET, inverted=False)
    (events,) = record(bar(), upright, [0])
    start, end = QUIET.moves_us[2]  # to the left: the bar's left edge becomes brighter
    last = events[(events["t"] > start) & (events["t"] < (start + end) / 2)]
    on, off = last[last["p"] == 1], last[last["p"] == 0]
    assert on["x"].mean() < off["x"].mean() - 2
    (swapped,) = record(bar(), QUIET, [0])
    assert (swapped["p"] == 1 - events["p"]).all()
    assert (swapped["t"] == events["t"]).all()


def test_the_number_of_answers_is_the_change_in_units_of_the_threshold() -> None:
    # From black (0.1) to white (1.1) the logarithm grows by 2.4: with a threshold of 0.5 that is four events, if the
    # motion is so slow that next to nothing happens while a pixel is blind.
    slow = tuple((20 * start, 20 * end) for start, end in QUIET.moves_us)
    camera = replace(QUIET, mismatch=0.0, threshold=0.5, inverted=False, moves_us=slow, duration_us=20 * 311_000)
    (events,) = record(bar(width=8), camera, [0])
    first = events[(events["t"] < slow[0][1]) & (events["p"] == 1)]
    # The bar's right edge goes from column 19 to 22.5. Its rows are 6 to 21, then 13 to 28.
    per_pixel = [int(((first["x"] == x) & (first["y"] == y)).sum()) for x in (20, 21) for y in range(14, 21)]
    assert per_pixel == [4] * 14
    assert not (events["x"][events["p"] == 1] == 5).any()


def test_thresholds_belong_to_the_sensor() -> None:
    on, off = thresholds(Camera())
    assert torch.equal(on, thresholds(Camera())[0])
    assert not torch.equal(on, thresholds(Camera(seed=1))[0])
    assert not torch.equal(on, off)
    assert on.min() > 0
    assert abs(on.mean().item() / Camera().threshold - 1) < 0.02
    assert 0.08 < on.std().item() / Camera().threshold < 0.12


def test_recordings_of_digits_have_the_statistics_of_the_dataset(real_root: Path) -> None:
    mnist = get_dataset("mnist").load(real_root).train
    assert isinstance(mnist, ImageSplit)
    recordings = record(mnist.images[:100, 0], Camera(), list(range(100)))
    counts = [len(events) for events in recordings]
    # N-MNIST's mean is about 4,170, the standard deviation of ON events and of OFF events about 570 each.
    assert np.mean(counts) == pytest.approx(4170, rel=0.05)
    assert 700 < np.std(counts) < 1200
    assert np.mean([events["p"].mean() for events in recordings]) == pytest.approx(0.5, abs=0.01)
    times = np.concatenate([events["t"] for events in recordings])
    share = np.histogram(times, [0, 105_000, 210_000, 315_000])[0] / len(times)
    assert share.min() > 0.25, "three bursts"
    rest = np.histogram(times, [200_000, 223_000])[0] / len(times)
    assert rest < 0.01, "with pauses between"
