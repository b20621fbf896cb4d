"""What is recorded of single samples and classes, against what was worked out by hand."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.datasets.samples.split import Split
from benchmarks.metrics.accuracy import EVALUATION_STEPS, accuracy_at_steps
from benchmarks.metrics.counting.confusion import ConfusionMatrix
from benchmarks.metrics.raster import MOST_NEURONS, LayerRaster, Raster, spike_raster
from benchmarks.study.study import Study, cell_of
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Mirror, Runs, records_in_mlflow
from tests.benchmarks.metrics.made import Told

CPU = torch.device("cpu")

#                        t=0           t=1        sample 0: neuron 0 twice; sample 1: neuron 1 first, neuron 2 then
SPIKES = torch.tensor([[[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 1]]])


class Given:
    """A split whose samples are given as the model gets them, time first."""

    on_device = True

    def draw(self, samples: int, draw: torch.Generator) -> None:
        del samples, draw

    def __init__(self, inputs: Tensor, labels: list[int]) -> None:
        self.inputs, self.labels = inputs, torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        del device
        return self

    def checksum(self) -> str:
        return ""

    def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        del changes
        return self.inputs[:, indices], self.labels[indices]


def test_a_raster_has_the_spikes_of_the_first_sample_with_its_class_and_the_decision() -> None:
    split = Given(SPIKES, [0, 2])
    assert spike_raster(Told(), split, CPU) == Raster(
        sample=0,
        label=0,
        decision=1,  # the output spikes where the hidden layer does not; of 1 and 2, the lower one counts
        layers=(
            LayerRaster(name="layer1", neurons=3, shown=(0, 1, 2), spikes=("11", "00", "00")),
            LayerRaster(name="output", neurons=3, shown=(0, 1, 2), spikes=("00", "11", "11")),
        ),
    )
    other = spike_raster(Told(), Given(SPIKES.flip(1), [2, 0]), CPU)
    assert other is not None
    assert (other.sample, other.label, other.decision) == (0, 2, 0)
    assert [layer.spikes for layer in other.layers] == [("00", "10", "01"), ("11", "01", "10")]


def test_events_of_the_input_come_first_and_of_large_layers_some_neurons_spread_evenly() -> None:
    pixels = 1000
    events = torch.zeros(2, 1, 1, 1, pixels)
    events[1, 0, 0, 0, [0, 999]] = 1
    raster = spike_raster(Told(), Given(events, [3]), CPU)
    assert raster is not None
    assert [(layer.name, layer.neurons, len(layer.shown)) for layer in raster.layers] == [
        ("input", pixels, MOST_NEURONS),
        ("layer1", pixels, MOST_NEURONS),
        ("output", pixels, MOST_NEURONS),
    ]
    shown = raster.layers[0].shown
    assert (shown[0], shown[-1]) == (0, 999)
    assert {after - before for before, after in pairwise(shown)} == {10, 11}
    assert raster.layers[0].spikes == ("01", *["00"] * 98, "01")


def test_a_confusion_matrix_has_a_row_for_each_class_and_adds_batches_up() -> None:
    confusion = ConfusionMatrix(3)
    confusion.add(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 1]))
    confusion.add(torch.tensor([2, 0]), torch.tensor([1, 1]))
    assert confusion.result() == ((1, 2, 0), (0, 0, 0), (0, 2, 0))


def test_the_confusion_matrix_is_of_the_decision_after_the_whole_window() -> None:
    late = torch.tensor([[[1, 1, 0], [1, 0, 0]], [[0, 1, 1], [1, 0, 0]]])  # first 2, then 0; 1 throughout
    confusion = ConfusionMatrix(3)
    one_at_once = EVALUATION_STEPS
    assert accuracy_at_steps(Told(), Given(late, [0, 2]), CPU, time_steps=one_at_once, confusion=confusion) == (
        0.0,
        0.5,
    )
    assert confusion.result() == ((1, 0, 0), (0, 0, 0), (0, 1, 0))


def test_records_and_mlflow_have_the_tables_of_runs_and_those_of_networks_without_spikes_have_none_of_spikes(
    store: str, tmp_path: Path
) -> None:
    base = {"dataset": "digits", "architecture": "12", "epochs": 1, "train_samples": 64, "test_samples": 50}
    cells = tuple(cell_of(validate_run({**base, "method": method})) for method in ("ann", "tssl_bp"))
    study, runs = Study("tiny", "Tiny", "smoke", "tssl sweep tiny", cells), Runs(tmp_path)
    run_study(study, Execution(device="cpu"), runs, mirror=Mirror(store))
    records = runs.records("tiny")
    assert [record.tables for record in records_in_mlflow(store, "tiny")] == [record.tables for record in records]
    for record in records:
        confusion = record.tables["confusion"]
        assert sum(map(sum, confusion)) == 50
        assert sum(confusion[label][label] for label in range(10)) / 50 == pytest.approx(
            record.measures["accuracy_last"]
        )
    ann, spiking = (record.tables for record in records)
    assert set(ann) == {"confusion", "accuracy_at_step"}
    assert set(spiking) == {"layers", "spike_histogram", "raster", "confusion", "accuracy_at_step"}
    assert len(json.dumps(spiking["raster"])) < 1000
