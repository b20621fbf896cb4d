"""Datasets of target spike trains: the contract for each that is found, and what the trains are like."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.config.run import validate_run
from benchmarks.datasets.dataset import available_datasets, get_dataset
from benchmarks.datasets.raster_image import picture
from benchmarks.datasets.samples.sequences import RandomTargetParameters, SequenceDataset, jittered, target_trains
from benchmarks.datasets.samples.split import Data, first, hold_out
from benchmarks.errors import ConfigError
from benchmarks.sweep.site import data_key, load_data

NAMES = [name for name, dataset in available_datasets().items() if dataset.task == "sequences"]
T = 25


def load(name: str, time_steps: int = T, **parameters: Any) -> Data:
    dataset = get_dataset(name)
    return dataset.load(Path("/nowhere"), parameters=dataset.Parameters(**parameters), time_steps=time_steps)


def test_the_datasets_of_target_trains_are_found() -> None:
    assert NAMES == ["raster_image", "spike_classes", "spike_patterns"]


@pytest.mark.parametrize("name", NAMES)
def test_a_dataset_gives_input_trains_and_target_trains(name: str) -> None:
    dataset, data = get_dataset(name), load(name, inputs=30)
    assert isinstance(dataset, SequenceDataset)
    assert dataset.missing(Path("/nowhere")) == []
    input_shape, outputs = dataset.sizes(dataset.Parameters(inputs=30))
    assert input_shape == (30, 1, 1)
    for split in (data.train, data.test):
        chosen = torch.tensor([len(split) - 1, 0])
        inputs, targets = split.batch(chosen)
        assert inputs.shape == (T, 2, *input_shape)
        assert targets.shape == (T, 2, outputs)
        for trains in (inputs, targets):
            assert trains.dtype == torch.float32
            assert trains.unique().tolist() == [0, 1]
        assert torch.equal(split.batch(torch.tensor([0]))[1][:, 0], targets[:, 1])
        assert torch.equal(first(split, 1).batch(torch.tensor([0]))[0], inputs[:, 1:])
    assert data.passes > 1


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_trains_and_others_other_ones(name: str) -> None:
    assert load(name).checksum() == load(name, data_seed=0).checksum()
    assert load(name).checksum() != load(name, data_seed=1).checksum()


@pytest.mark.parametrize("name", NAMES)
def test_each_seed_of_a_run_has_trains_of_its_own_unless_they_are_fixed(name: str) -> None:
    def checksums(**parameters: int) -> list[str]:
        base = {"dataset": name, "method": "tssl_bp", "architecture": "5", "time_steps": T, "epochs": 1}
        configs = [validate_run({**base, "seed": seed, "dataset_parameters": parameters}) for seed in (3, 4)]
        assert (data_key(configs[0]) == data_key(configs[1])) == bool(parameters)
        return [load_data(config, Path("/nowhere")).checksum() for config in configs]

    assert checksums()[0] != checksums()[1]
    assert checksums()[0] == load(name, data_seed=3).checksum()
    assert len(set(checksums(data_seed=3))) == 1


@pytest.mark.parametrize(("steps", "spikes", "interval", "earliest"), [(10, 5, 2, 0), (30, 4, 5, 3), (7, 0, 1, 2)])
def test_target_trains_have_the_spikes_that_were_asked_for_and_no_two_too_close(
    steps: int, spikes: int, interval: int, earliest: int
) -> None:
    parameters = RandomTargetParameters(target_spikes=spikes, minimum_interval=interval, earliest=earliest)
    trains = target_trains(np.random.default_rng(0), (40, 5), time_steps=steps, parameters=parameters)
    assert trains.shape == (steps, 40, 5)
    assert (trains.sum(0) == spikes).all()
    assert not trains[:earliest].any()
    for train in trains.reshape(steps, -1).T:
        assert (np.diff(np.flatnonzero(train)) >= interval).all()
    if spikes:
        assert trains[earliest].any()
        assert trains[-1].any()


def test_all_target_trains_are_equally_likely() -> None:
    parameters = RandomTargetParameters(target_spikes=2, minimum_interval=3, earliest=1)
    trains = target_trains(np.random.default_rng(0), (6000,), time_steps=7, parameters=parameters)
    kinds, counts = np.unique(trains, axis=1, return_counts=True)
    assert kinds.shape[1] == 6, "1-4, 1-5, 1-6, 2-5, 2-6, 3-6"
    assert (abs(counts - 1000) < 150).all()


@pytest.mark.parametrize("name", ["spike_patterns", "spike_classes"])
def test_more_spikes_than_fit_are_refused_with_what_to_change(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"5 target spikes at least 3 steps apart do not fit into the 10 .*target_rate"
    ):
        load(name, 12, target_spikes=5, minimum_interval=3)
    with pytest.raises(ConfigError, match=r"1 target spikes .* do not fit into the -1"):
        load(name, 1)


def test_fewer_patterns_are_the_first_of_more_and_the_test_set_is_what_is_learnt() -> None:
    few, many = load("spike_patterns", patterns=2), load("spike_patterns", patterns=5)
    for one, other in zip(few.train.batch(torch.arange(2)), many.test.batch(torch.arange(2)), strict=True):
        assert torch.equal(one, other)
    assert many.target_of_class is None


def test_samples_of_a_class_share_a_target_and_are_near_each_other() -> None:
    data = load("spike_classes", 50, classes=3, train_per_class=4, test_per_class=2)
    inputs, targets = data.train.batch(torch.arange(12))
    assert data.target_of_class is not None
    assert torch.equal(targets.bool(), data.target_of_class.repeat_interleave(4, dim=1))
    counts = inputs.sum(0).flatten(1)
    within = (counts[0] - counts[1]).abs().sum()
    assert 0 < within < (counts[0] - counts[4]).abs().sum() / 2
    kept, held_out = hold_out(data.train, 4, torch.Generator().manual_seed(0))
    assert (len(kept), len(held_out)) == (8, 4)


def test_jitter_moves_spikes_by_its_deviation_and_loses_only_those_at_the_borders() -> None:
    trains = np.zeros((101, 4000), dtype=bool)
    trains[50] = True
    moved = jittered(np.random.default_rng(0), trains, deviation=3.0)
    assert moved.sum() == 4000
    steps = np.nonzero(moved)[0] - 50
    assert abs(steps.mean()) < 0.2
    assert 2.8 < steps.std() < 3.2
    assert np.array_equal(jittered(np.random.default_rng(0), trains, deviation=0.0), trains)
    assert 0 < jittered(np.random.default_rng(0), trains[50:], deviation=3.0).sum() < 4000


def test_the_picture_is_drawn_a_row_a_neuron_and_stretched_to_the_window() -> None:
    image = picture()
    assert image.shape == (24, 60)
    assert not image[:, :3].any(), "before any input has come, nothing can be drawn"
    _, targets = load("raster_image", 60).train.batch(torch.tensor([0]))
    assert np.array_equal(targets[:, 0].T.bool().numpy(), image)
    _, twice = load("raster_image", 120).train.batch(torch.tensor([0]))
    assert torch.equal(twice[::2], targets)
    assert torch.equal(twice[1::2], targets)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"tau": 1.0}, "tau is 1.0; expected a time constant of more than 1 time step"),
        ({"patterns": 0}, "patterns is 0; expected 1 or more"),
        ({"input_rate": 0.0}, r"input_rate is 0.0; expected a chance in \(0, 1\]"),
        ({"minimum_interval": 0}, "minimum_interval is 0"),
        ({"passes": 0}, "passes is 0"),
        ({"jitter": 1.0}, "dataset_parameters: unknown key 'jitter'; expected one of "),
    ],
)
def test_parameters_without_meaning_are_refused_before_anything_runs(parameters: dict[str, Any], error: str) -> None:
    run = {"dataset": "spike_patterns", "method": "tssl_bp", "architecture": "5", "epochs": 1}
    with pytest.raises(ConfigError, match=error):
        validate_run({**run, "dataset_parameters": parameters})
