"""A real recording beside simulated ones: counted by saccade, and decided on by a network that never saw a real one."""

from pathlib import Path

import pytest
import torch

from benchmarks.config.run import validate_run
from benchmarks.datasets.events.camera import Camera
from benchmarks.datasets.events.recording import encode_events
from benchmarks.datasets.nmnist_simulated import CAMERA_FILE, FOLDER, camera_json
from benchmarks.real_recording import counts_by_saccade, decision, margin_of, saccades
from tests.benchmarks.recordings import events_of, write_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with random recordings in the place of simulated ones."""
    write_tree(tmp_path / FOLDER)
    (tmp_path / FOLDER / CAMERA_FILE).write_bytes(camera_json(Camera()))
    return tmp_path


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Two events in the first saccade, one at its end, three after it."""
    times = (0, 105_000, 105_001, 210_001, 300_000, 311_000)
    path = tmp_path / "real.bin"
    path.write_bytes(encode_events(events_of(*((3, 4, t, 1) for t in times))))
    return path


def test_events_are_counted_by_saccade_and_set_beside_recordings_of_the_same_digit(root: Path, real: Path) -> None:
    table = saccades(real, 9, root)
    assert table["saccade"].tolist() == ["1", "2", "3", "all"]
    assert table["real"].tolist() == [2, 1, 3, 6]
    assert table["n"].unique().tolist() == [4]
    assert table["mean"].iloc[:3].sum() == pytest.approx(table["mean"].iloc[3], abs=0.2)
    assert table["mean"].iloc[3] == 300
    assert (table["below"] == 0).all()


def test_an_event_belongs_to_the_saccade_that_it_ends() -> None:
    assert counts_by_saccade(events_of((0, 0, 105_000, 0), (0, 0, 105_001, 0))) == [1, 1, 0, 2]


def test_the_margin_is_what_the_digit_is_above_the_best_of_the_others() -> None:
    scores = torch.tensor([[1.0, 4.0, 2.0], [5.0, 4.0, 2.0]])
    assert margin_of(scores, 1).tolist() == [2.0, -1.0]


def test_a_network_decides_on_a_recording_that_it_was_not_trained_on(root: Path, real: Path) -> None:
    values = {"dataset": "nmnist_simulated", "method": "tssl_bp", "architecture": "3C5-P2-20", "time_steps": 4}
    found = decision(validate_run({**values, "epochs": 1, "batch_size": 20}), real, 9, root)
    assert found["seed"] == 0
    assert found["decided"] in range(10)
    assert found["recognised"] in (0.0, 0.5, 1.0)
    assert found["below"] in (0.0, 0.5, 1.0)
    assert (found["margin"] > 0) == (found["decided"] == 9)
