"""What is recorded of single samples and classes, against what was worked out by hand."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.config import Execution, validate_run
from benchmarks.datasets.dataset import Split
from benchmarks.file_tracking import JsonTracker
from benchmarks.metrics import ConfusionMatrix, LayerRaster, Raster, accuracy_at_steps, spike_raster
from benchmarks.metrics.accuracy import EVALUATION_STEPS
from benchmarks.metrics.raster import MOST_NEURONS
from benchmarks.study import Study, cell_of
from benchmarks.sweep import run_study
from benchmarks.tracking import MlflowTracker, Store
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


def test_a_raster_has_the_spikes_of_the_sample_asked_for_with_its_class_and_the_decision() -> None:
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
    other = spike_raster(Told(), split, CPU, sample=1)
    assert other is not None
    assert (other.sample, other.label, other.decision) == (1, 2, 0)
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


def logged(store: Store) -> dict[str, dict[str, object]]:
    base = {"dataset": "digits", "architecture": "12", "epochs": 1, "train_samples": 64, "test_samples": 50}
    cells = tuple(cell_of(validate_run({**base, "method": method})) for method in ("ann", "tssl_bp"))
    run_study(Study("tiny", "Tiny", "smoke", "tssl sweep tiny", cells), Execution(device="cpu"), store)
    accuracies = {row["run_key"]: row["accuracy_last"] for row in store.rows("tiny")[0]}
    for key, tables in store.tables("tiny"):
        confusion = tables["confusion"]
        assert sum(map(sum, confusion)) == 50
        assert sum(confusion[label][label] for label in range(10)) / 50 == pytest.approx(accuracies[key])
    methods = {row["run_key"]: row["method"] for row in store.rows("tiny")[0]}
    return {methods[key]: tables for key, tables in store.tables("tiny")}


def test_every_store_gives_back_the_tables_of_its_runs_and_those_of_networks_without_spikes_have_none_of_spikes(
    store: str, tmp_path: Path
) -> None:
    from_mlflow, from_files = logged(MlflowTracker(store)), logged(JsonTracker(tmp_path / "runs"))
    assert from_mlflow == from_files
    assert set(from_mlflow["ann"]) == {"confusion"}
    assert set(from_mlflow["tssl_bp"]) == {"layers", "spike_histogram", "raster", "confusion"}
    assert len(json.dumps(from_mlflow["tssl_bp"]["raster"])) < 1000


def test_runs_of_before_these_tables_were_kept_can_be_read(tmp_path: Path) -> None:
    tracker = JsonTracker(tmp_path / "runs")
    logged(tracker)
    for path in (tmp_path / "runs").rglob("*.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({key: content[key] for key in content if key not in ("raster", "confusion")}))
    assert [sorted(tables) for _, tables in tracker.tables("tiny")] == [[], ["layers", "spike_histogram"]]
