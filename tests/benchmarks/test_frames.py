"""Frames: hand-computed ones, the authors' slips at the edges, and the motion of the camera taken out."""

import math

import numpy as np
import pytest
from tonic.datasets.nmnist import stabilize
from tonic.transforms import ToFrame

from benchmarks.datasets.dataset import data_root
from benchmarks.datasets.events.frames import PIXELS, SACCADES, FrameParameters, bin_events, stabilise, steps_of_bins
from benchmarks.datasets.events.recording import Events, read_events
from tests.benchmarks.recordings import SAMPLE, events_of, random_events
from tssl_core.errors import ParameterError

STILL = FrameParameters(stabilise=False)


def pairs(events: Events, parameters: FrameParameters = STILL) -> list[tuple[int, int]]:
    bins, pixels = bin_events(events, parameters)
    return list(zip(bins.tolist(), pixels.tolist(), strict=True))


def test_frames_of_a_handful_of_events_worked_out_by_hand() -> None:
    events = events_of((0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 3000, 1), (0, 1, 2999, 1), (33, 33, 3001, 1), (2, 0, 9001, 0))
    assert pairs(events) == [(0, 0), (1, 1), (1, 34 * 34 + 34), (2, PIXELS - 1), (4, 2)]


def test_bins_can_have_any_length() -> None:
    assert pairs(events_of((0, 0, 250, 0)), FrameParameters(stabilise=False, bin_us=100)) == [(3, 0)]
    with pytest.raises(ParameterError, match="bin_us is 0"):
        FrameParameters(bin_us=0)


def test_by_default_every_time_of_the_window_has_its_step() -> None:
    # Bins 0 (time 0), 1, 2, 3, 4 in a window of three steps.
    assert steps_of_bins(5, 3, FrameParameters()).tolist() == [0, 0, 1, 2, -1]
    assert steps_of_bins(2, 3, FrameParameters()).tolist() == [0, 0]


def test_the_authors_leave_the_last_step_to_events_at_time_0() -> None:
    assert steps_of_bins(5, 3, FrameParameters(edges="authors")).tolist() == [2, 0, 1, -1, -1]
    assert steps_of_bins(2, 3, FrameParameters(edges="authors")).tolist() == [2, 0]
    with pytest.raises(ParameterError, match="tonic has no slip"):
        FrameParameters(edges="authors", method="tonic")


def motion(time: float) -> tuple[float, float]:
    """How far the picture has moved, if each saccade takes 105 ms at equal speed."""
    right = down = 0.0
    for start, (dx, dy) in zip((0, 105e3, 210e3), SACCADES, strict=True):
        done = min(max((time - start) / 105e3, 0), 1)
        right, down = right + done * dx, down + done * dy
    return right, down


def test_a_known_motion_is_undone() -> None:
    rows = [(round(10 + motion(t)[0]), round(12 + motion(t)[1]), t, 1) for t in range(500, 315_000, 1000)]
    still = stabilise(events_of(*rows))
    assert len(still) == len(rows)
    # Where a picture falls between pixels, two roundings may lead to a neighbour.
    assert abs(still["x"] - 10).max() <= 1
    assert abs(still["y"] - 12).max() <= 1
    assert (np.mean(still["x"] == 10), np.mean(still["y"] == 12)) > (0.9, 0.9)


def as_in_matlab(events: Events) -> list[tuple[int, int, int, int]]:
    """One event after the other, with pixels from 1 and halves rounded away from 0."""

    def rounded(value: float) -> int:
        return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)

    rows = []
    for x, y, t, p in events.tolist():
        right, down = x + 1.0, y + 1.0
        if t <= 105e3:
            right, down = right - 3.5 * t / 105e3, down - 7 * t / 105e3
        elif t <= 210e3:
            right, down = right - 3.5 - 3.5 * (t - 105e3) / 105e3, down - 7 + 7 * (t - 105e3) / 105e3
        else:
            right += -7 + 7 * (t - 210e3) / 105e3
        column, row = rounded(right), rounded(down)
        if 1 <= column <= 34 and 1 <= row <= 34:
            rows.append((column - 1, row - 1, t, p))
    return rows


def test_the_motion_is_taken_out_as_by_the_published_script() -> None:
    edges = [
        (x, x, t, 0) for x in (0, 3, 33) for t in (0, 1, 7500, 15_000, 105_000, 105_001, 210_000, 210_001, 315_000)
    ]
    for events in (random_events(5, 3000), events_of(*edges)):
        assert stabilise(events).tolist() == as_in_matlab(events)


def test_tonic_is_an_alternative_with_its_own_transforms() -> None:
    events = random_events(3)
    frames = ToFrame((34, 34, 2), time_window=5000)(stabilize(events.copy()))
    parameters = FrameParameters(method="tonic", bin_us=5000)
    on = np.zeros((len(frames), PIXELS), bool)
    bins, pixels = bin_events(events, parameters)
    on[bins - 1, pixels] = True
    assert (on == (frames.reshape(len(frames), PIXELS) > 0)).all()
    assert pairs(events_of((1, 1, 10, 0)), parameters) == [], "no whole window"


def test_the_real_digit_is_sharper_without_the_motion() -> None:
    path = data_root() / SAMPLE
    if not path.is_file():
        pytest.skip(f"needs a real recording at {path}")
    events = read_events(path)
    still = stabilise(events)
    assert len(still) > 0.99 * len(events)

    def sharpness(recording: Events) -> float:
        picture = np.zeros((34, 34))
        np.add.at(picture, (recording["y"], recording["x"]), 1)
        return float((picture**2).sum() / picture.sum() ** 2)

    assert sharpness(still) > 1.3 * sharpness(events)
    bins, _ = bin_events(events, FrameParameters())
    assert (bins.min(), bins.max()) == (1, 104)
