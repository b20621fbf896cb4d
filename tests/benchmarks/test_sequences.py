"""Target spike sequences: they are learnt to the last spike, judged the same for all methods, kept and gone on with."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.method import Model, NetworkSpec, available_methods, get_method
from benchmarks.cli.main import main
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.datasets.samples.sequences import SequenceSplit
from benchmarks.datasets.samples.split import Data
from benchmarks.metrics.counting.spikes import ActivityMeter
from benchmarks.metrics.metric import FinishedTraining
from benchmarks.metrics.spike_trains import SpikeTrains
from benchmarks.results import EpochResult, Evaluation
from benchmarks.study.study import cell_of, load_study
from benchmarks.sweep.site import load_data
from benchmarks.tasks.sequences import raster_epochs
from benchmarks.tracking import Runs, epoch_rows, records_in_mlflow, run_row
from benchmarks.training.epoch_steps import draw_epoch
from benchmarks.training.optimisation import train_step
from benchmarks.training.training import Training, prepare
from tests.benchmarks.measured import computed, computed_in
from tests.benchmarks.numbers import numbers_of
from tssl_core import parse_architecture, psc_filter, van_rossum_loss
from tssl_core.architecture import Architecture

EXECUTION = Execution(device="cpu")
TAU = 3.0
ONCE = {"filter_passes": 1}


def config_of(**changes: Any) -> RunConfig:
    base = {"dataset": "spike_patterns", "method": "tssl_bp", "architecture": "20", "time_steps": 20, "epochs": 3}
    few = {"inputs": 30, "outputs": 3, "patterns": 2, "passes": 2}
    return validate_run({**base, "dataset_parameters": few, **changes})


TRAINED = [name for name in available_methods() if cell_of(config_of(method=name)).skip_reason is None]
"""Methods whose output neurons spike in training."""


def training_of(config: RunConfig) -> Training:
    return prepare(config, EXECUTION, load_data(config, Path()))


def model_of(architecture: Architecture, data: Data, method: str, **parameters: Any) -> Model:
    assert isinstance(data.train, SequenceSplit)
    steps, _, outputs = data.train.targets.shape
    spec = NetworkSpec(
        architecture=architecture,
        input_shape=(data.train.inputs.shape[-1], 1, 1),
        classes=outputs,
        time_steps=steps,
        events=True,
        sequences=True,
    )
    config = config_of(method=method, parameters=parameters)
    torch.manual_seed(0)
    return get_method(method).build(spec, config.method_parameters())


def steps_to_exact(model: Model, data: Data, *, learning_rate: float, most: int) -> int | None:
    """Train until every output is its target; after how many steps that was."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    inputs, targets = data.train.batch(torch.arange(len(data.train)))
    for step in range(1, most + 1):
        train_step(
            model,
            optimizer,
            inputs,
            targets,
            grad_clip=1.0,
            loss=lambda model, output, targets: model.sequence_loss(output, targets, tau=TAU),
        )
        with torch.no_grad():
            if torch.equal(model.output_spikes(model(inputs)), targets.bool()):
                return step
    return None


def patterns(time_steps: int, **parameters: Any) -> Data:
    return load_data(config_of(time_steps=time_steps, dataset_parameters=parameters), Path())


@pytest.mark.parametrize("preset", ["single-filter", "no-intra", "surrogate-only", "layer-gate", "paper-2020-09"])
def test_a_single_neuron_learns_when_to_spike(preset: str) -> None:
    data = patterns(20, patterns=1, outputs=1, inputs=100, data_seed=0)
    model = model_of(Architecture(()), data, f"tssl_bp:{preset}", **ONCE)
    assert len(list(model.parameters())) == 1
    assert steps_to_exact(model, data, learning_rate=5e-3, most=200)


@pytest.mark.parametrize("preset", ["single-filter", "no-intra", "surrogate-only", "layer-gate", "paper-2020-09"])
def test_a_network_of_three_hidden_layers_learns_when_to_spike(preset: str) -> None:
    data = patterns(10, patterns=1, outputs=1, inputs=50, input_rate=0.2, data_seed=1)
    model = model_of(parse_architecture("50-50-50"), data, f"tssl_bp:{preset}", **ONCE)
    assert steps_to_exact(model, data, learning_rate=3e-3, most=300)


def test_a_network_of_three_hidden_layers_learns_a_sequence_of_several_neurons() -> None:
    data = patterns(10, patterns=1, outputs=3, inputs=50, input_rate=0.2, data_seed=1)
    model = model_of(parse_architecture("50-50-50"), data, "tssl_bp:paper-2020-09")
    assert steps_to_exact(model, data, learning_rate=3e-3, most=600)


@pytest.mark.parametrize("method", TRAINED)
def test_all_methods_have_the_same_loss_and_it_is_zero_for_the_target_alone(method: str) -> None:
    parameters = ONCE if method == "tssl_bp" else {}
    data = patterns(20, patterns=3, outputs=4)
    model = model_of(parse_architecture("20"), data, method, **parameters)
    inputs, target = data.train.batch(torch.arange(3))
    output = model(inputs)
    spikes = model.output_spikes(output)
    assert spikes.dtype == torch.bool
    assert spikes.shape == target.shape
    expected = van_rossum_loss(psc_filter(spikes.float(), TAU), psc_filter(target, TAU))
    torch.testing.assert_close(model.sequence_loss(output, target, tau=TAU), expected, rtol=1e-4, atol=1e-4)
    as_output = psc_filter(target, 3.0) if method == "tssl_bp" else target
    assert model.sequence_loss(as_output, target, tau=TAU).item() == pytest.approx(0, abs=1e-6)
    assert model.sequence_loss(as_output, target.flip(0), tau=TAU) > 0.1
    if spikes.any():
        model.sequence_loss(output, target, tau=TAU).backward()
        assert any(bool(weight.grad.any()) for weight in model.parameters() if weight.grad is not None)


def test_the_loss_of_a_neuron_with_another_time_constant_is_the_same_one() -> None:
    data = patterns(20, patterns=3, outputs=4)
    model = model_of(parse_architecture("20"), data, "tssl_bp:tau-s-2", **ONCE)
    _, target = data.train.batch(torch.arange(3))
    spikes = target.roll(1, 0)
    expected = van_rossum_loss(psc_filter(spikes, TAU), psc_filter(target, TAU))
    torch.testing.assert_close(model.sequence_loss(psc_filter(spikes, 2.0), target, tau=TAU), expected)


def test_the_authors_second_filter_moves_the_least_loss_away_from_the_target() -> None:
    data = patterns(20, patterns=3, outputs=4)
    model = model_of(parse_architecture("20"), data, "tssl_bp")
    _, target = data.train.batch(torch.arange(3))
    assert model.sequence_loss(psc_filter(target, TAU), target, tau=TAU) > 0.1


@pytest.mark.parametrize("method", ["ann", "converted", "qcfs", "tet"])
def test_methods_without_output_spikes_in_training_are_left_out_with_the_reason(method: str) -> None:
    reason = cell_of(config_of(method=method)).skip_reason
    assert reason is not None
    assert "spike trains" in reason


def test_tssl_bp_has_no_other_loss_for_target_trains() -> None:
    assert "expected 'van_rossum'" in str(cell_of(config_of(parameters={"loss": "spike_count"})).skip_reason)
    assert cell_of(config_of()).skip_reason is None


@pytest.mark.parametrize("dataset", ["spike_patterns", "spike_classes", "raster_image"])
def test_a_run_measures_trains_and_no_accuracy_but_of_classes(dataset: str) -> None:
    training = training_of(config_of(dataset=dataset, dataset_parameters={"inputs": 30, "passes": 2}))
    history = list(training.epochs())
    record = training.finish(history)
    metrics = record.measures
    names = {"exact_match", "exact_trains", "van_rossum", "victor_purpura", "count_error", "exact_match_best"}
    assert names <= set(metrics)
    assert metrics["steps"] == 3 * 2
    assert metrics["patterns"] == {"spike_patterns": 4, "spike_classes": 5, "raster_image": 1}[dataset]
    assert metrics["van_rossum"] == pytest.approx(history[-1].measures["van_rossum"])
    recognised = dataset == "spike_classes"
    assert {name for name in metrics if name.startswith(("accuracy", "epochs_to"))} == (
        {"accuracy_last", "accuracy_best"} if recognised else set()
    )
    assert (history[0].test_accuracy is not None) == recognised
    assert history[0].train_accuracy is None


def test_an_epoch_shows_every_sample_as_often_as_it_is_passed_through() -> None:
    training = training_of(config_of(batch_size=3, dataset_parameters={"patterns": 5, "passes": 4}))
    draws, passes = training.state.draws, training.data.passes
    drawn = draw_epoch(training.data.train, draws, batch_size=3, passes=passes)
    batches = [batch.indices for batch in drawn]
    assert [len(batch) for batch in batches] == [3, 2] * 4
    for number in range(0, 8, 2):
        assert sorted(torch.cat(batches[number : number + 2]).tolist()) == [0, 1, 2, 3, 4]
    assert not torch.equal(batches[0], batches[2])


def perfect(time_steps: int) -> Training:
    """A run whose model gives the target."""
    training = training_of(config_of(time_steps=time_steps))
    split = training.data.test
    target = split.batch(torch.arange(len(split)))[1]
    training.model.forward = lambda inputs: target.clone().type_as(inputs)  # type: ignore[method-assign]
    training.model.output_spikes = lambda output: output.bool()  # type: ignore[method-assign]
    return training


def measured(training: Training, history: list[EpochResult]) -> Mapping[str, float | None]:
    run = FinishedTraining(
        config=training.config,
        model=training.model,
        data=training.data,
        device=training.device,
        history=history,
        evaluation=Evaluation(),
        spikes=ActivityMeter(training.model),
    )
    return SpikeTrains(training.device).measure(run)


def test_a_run_says_how_many_steps_it_took_until_every_output_was_its_target() -> None:
    training = perfect(20)
    shared: dict[str, Any] = {"train_loss": 1.0, "train_accuracy": None, "test_accuracy": None, "test_seconds": 1.0}
    history = [
        EpochResult(epoch=epoch, measures={"exact_match": match}, train_seconds=2.0, **shared)
        for epoch, match in enumerate([0.0, 0.5, 1.0, 0.5, 1.0], start=1)
    ]
    found = measured(training, history)
    assert found["exact_match_best"] == 1
    assert found["steps_to_exact"] == 6
    assert found["seconds_to_exact"] == 6
    assert "steps_to_exact" not in measured(training, history[:2])


def test_a_model_that_gives_the_target_matches_it() -> None:
    training = perfect(20)
    measures = training._evaluate(training.data.test, all_of_it=True).measures
    assert measures["exact_match"] == measures["spike_precision"] == measures["spike_recall"] == 1
    assert measures["van_rossum"] == measures["victor_purpura"] == measures["count_error"] == 0


def test_pictures_are_kept_of_the_first_epoch_the_last_and_some_between() -> None:
    assert raster_epochs(1) == {1}
    assert raster_epochs(3) == {1, 2, 3}
    assert {1, 1000} < raster_epochs(1000)
    assert len(raster_epochs(1000)) == 12


def test_the_pictures_show_output_and_target() -> None:
    training = training_of(config_of(epochs=3))
    history = list(training.epochs())
    rasters = {epoch.epoch: epoch.rasters for epoch in history}
    shown = training.finish(history).tables["output_rasters"]
    assert [(raster["epoch"], raster["sample"]) for raster in shown] == [(e, s) for e in (1, 2, 3) for s in (0, 1)]
    inputs, targets = training.data.test.batch(torch.arange(2))
    with torch.no_grad():
        spikes = training.model.output_spikes(training.model(inputs))
    for sample, raster in enumerate(rasters[3]):
        assert raster.sample == sample
        assert torch.equal(as_trains(raster.output), spikes[:, sample])
        assert torch.equal(as_trains(raster.target), targets[:, sample].bool())


def as_trains(rows: tuple[str, ...]) -> Tensor:
    return torch.tensor([[spike == "1" for spike in row] for row in rows]).T


@pytest.mark.parametrize("dataset", ["spike_patterns", "spike_classes"])
def test_a_run_goes_on_after_any_epoch_as_if_it_had_not_been_interrupted(dataset: str) -> None:
    config = config_of(dataset=dataset, architecture="20d0.2", dataset_parameters={"inputs": 30}, batch_size=2)
    whole = training_of(config)
    snapshots = []
    for _ in whole.epochs():
        # By way of text, as what is kept has to be plain values; tensors apart, which go on changing.
        snapshot = {key: value for key, value in whole.state.snapshot().items() if key != "history"}
        history = json.loads(json.dumps([asdict(record) for record in whole.state.history]))
        snapshots.append({**torch_copy(snapshot), "history": history})
    expected = [computed_in(record) for record in whole.state.history], computed_in(whole.finish(whole.state.history))
    for snapshot in snapshots:
        resumed = training_of(config)
        resumed.state.restore(snapshot)
        list(resumed.epochs())
        history = resumed.state.history
        assert ([computed_in(record) for record in history], computed_in(resumed.finish(history))) == expected


def torch_copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: torch_copy(part) for key, part in value.items()}
    return [torch_copy(part) for part in value] if isinstance(value, list) else value


STUDY = """
name = "spikes"
title = "Spikes"

[run]
dataset = "spike_patterns"
architecture = "10"
time_steps = 12
epochs = 2
dataset_parameters = { passes = 2, inputs = 20, outputs = 2 }

[grid]
method = ["tssl_bp", "ann"]

[[cases]]
dataset_parameters = { patterns = 1 }
[[cases]]
dataset = "spike_classes"
architecture = "12"

[profiles.smoke]
[[profiles.smoke.cases]]
dataset_parameters = { patterns = 3 }
"""


def test_the_cases_of_a_study_are_each_combined_with_its_grid(tmp_path: Path) -> None:
    path = tmp_path / "spikes.toml"
    path.write_text(STUDY)
    cells = load_study(str(path), profile="quick").cells
    kinds = [(c.config.dataset, c.config.method, c.config.architecture) for c in cells]
    assert kinds == [
        ("spike_patterns", "tssl_bp", "10"),
        ("spike_patterns", "ann", "10"),
        ("spike_classes", "tssl_bp", "12"),
        ("spike_classes", "ann", "12"),
    ]
    assert [cell.config.dataset_parameters["inputs"] for cell in cells] == [20] * 4
    smoke = load_study(str(path), profile="smoke").cells
    assert [cell.config.dataset_parameters["patterns"] for cell in smoke] == [3, 3]


def test_a_sweep_keeps_measures_epochs_and_pictures(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("spikes.toml").write_text(STUDY)
    assert main(["sweep", "spikes.toml", "--device", "cpu", "--tracking-uri", store, "--profile", "quick"]) == 0
    printed = capsys.readouterr().out
    assert "exact, van Rossum" in printed
    assert "not supported" in printed
    records = Runs().records("spikes")
    assert numbers_of(records_in_mlflow(store, "spikes")) == numbers_of(records)
    rows, epochs = [run_row(record) for record in records], [row for record in records for row in epoch_rows(record)]
    assert sorted(row["status"] for row in rows) == ["finished", "finished", "skipped", "skipped"]
    finished = {row["dataset"]: row for row in rows if row["status"] == "finished"}
    assert all(row["van_rossum"] > 0 for row in finished.values())
    assert finished["spike_patterns"]["accuracy_last"] is None
    assert finished["spike_classes"]["accuracy_last"] is not None
    assert len(epochs) == 4
    assert {"test_van_rossum", "test_exact_match", "train_loss"} <= set(computed(epochs[0]))
    assert not {"rasters", "measures"} & set(epochs[0])
    tables = {record.run_key: record.tables for record in records}
    rasters = tables[finished["spike_patterns"]["run_key"]]["output_rasters"]
    assert {raster["epoch"] for raster in rasters} == {1, 2}
    assert [len(row) for row in rasters[0]["target"]] == [12, 12]
