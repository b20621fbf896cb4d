"""A trained model in MLflow: any program can load it, and what it gives is what the trained network gave."""

from pathlib import Path
from typing import Any, Literal

import mlflow
import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.converted import ConvertedNeuron, ConvertedParameters
from benchmarks.config.execution import Execution
from benchmarks.datasets.dataset import get_dataset
from benchmarks.errors import TrackingError
from benchmarks.study.study import Study, cell_of
from benchmarks.sweep.sweep import run_study
from benchmarks.tracking import Mirror, Runs
from benchmarks.tracking.models import load_model, save_model
from benchmarks.tracking.served import _load_pyfunc
from benchmarks.training.training import Training, prepare
from tests.benchmarks.tracked import STUDY, config_of, locked, mlflow_runs

IMAGES, LABELS = get_dataset("digits").load(Path()).test.batch(torch.arange(50))
SMALL = {"epochs": 1, "train_samples": 200, "test_samples": 50}


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """What has been trained, in order."""
    found: list[Training] = []
    finish = Training.finish

    def noted(self: Training, *arguments: Any) -> Any:
        found.append(self)
        return finish(self, *arguments)

    monkeypatch.setattr(Training, "finish", noted)
    return found


def train(mirror: Mirror, runs: Runs, **changes: Any) -> None:
    cell = cell_of(config_of(**SMALL, **changes))
    study = Study(STUDY, STUDY, "smoke", "tssl run", (cell,))
    run_study(study, Execution(device="cpu"), runs, mirror=mirror, keep_models=True)


@torch.no_grad()
def scores_of(training: Training) -> Tensor:
    model = training.model.eval()
    return model.scores(model(IMAGES))


@pytest.mark.parametrize("method", ["tssl_bp", "converted", "qcfs"])
def test_a_model_loads_by_its_run_and_gives_the_scores_of_the_trained_network(
    store: str, trained: list[Training], method: str
) -> None:
    mirror = Mirror(store)
    train(mirror, Runs(), method=method)
    (run,) = mlflow_runs(mirror)
    mlflow.set_tracking_uri(store)
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    scores = loaded.predict(IMAGES.numpy())
    assert scores.shape == (50, 10)
    assert np.array_equal(scores, scores_of(trained[0]).numpy())
    accuracy = float(
        (scores.argmax(1) == get_dataset("digits").load(Path()).test.batch(torch.arange(50))[1].numpy()).mean()
    )
    assert accuracy == pytest.approx(run.data.metrics["accuracy_last"])
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 1, 8, 8)
    assert loaded.metadata.signature.outputs.inputs[0].shape == (-1, 10)
    assert loaded.input_example.shape == (2, 1, 8, 8)
    (model,) = mirror.connection.client().search_logged_models([run.info.experiment_id])
    assert (model.source_run_id, model.tags["weights"]) == (run.info.run_id, "after the last epoch")


def test_a_model_waits_for_its_store_beside_the_record_and_comes_once(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.tracking.sqlite_store.LOCK_SECONDS", 0.05)
    runs, mirror = Runs(), Mirror(store)
    with locked(store):
        train(mirror, runs)
    (record,) = runs.records(STUDY)
    folder = runs.folder(STUDY, record.run_key) / "model"
    assert {path.name for path in folder.rglob("*")} >= {"config.json", "weights.pt"}
    assert not list(folder.rglob("*.pkl"))
    for _ in range(2):
        Mirror(store).sync(runs, STUDY)
    (run,) = mlflow_runs(mirror)
    assert len(mirror.connection.client().search_logged_models([run.info.experiment_id])) == 1


def test_a_pickled_object_in_place_of_weights_is_not_loaded(tmp_path: Path) -> None:
    config = config_of(**SMALL)
    training = prepare(config, Execution(device="cpu"), get_dataset("digits").load(Path()))
    save_model(training.model, IMAGES[:2], config=config, folder=tmp_path / "model")
    (data,) = (path.parent for path in tmp_path.rglob("weights.pt"))
    assert _load_pyfunc(str(data)).predict(IMAGES.numpy()).shape == (50, 10)
    assert load_model(tmp_path)[0] == config
    torch.save(training.model, data / "weights.pt")
    with pytest.raises(Exception, match="weights_only"):
        _load_pyfunc(str(data))


def test_a_model_is_kept_where_one_before_was_killed_while_it_was_written(tmp_path: Path) -> None:
    config = config_of(**SMALL)
    training = prepare(config, Execution(device="cpu"), get_dataset("digits").load(Path()))
    (tmp_path / "model-data").mkdir()
    save_model(training.model, IMAGES[:2], config=config, folder=tmp_path / "model")
    assert load_model(tmp_path)[0] == config


def test_a_damaged_model_is_refused_in_a_line(tmp_path: Path) -> None:
    config = config_of(**SMALL)
    training = prepare(config, Execution(device="cpu"), get_dataset("digits").load(Path()))
    save_model(training.model, IMAGES[:2], config=config, folder=tmp_path / "model")
    (data,) = (path.parent for path in tmp_path.rglob("weights.pt"))
    weights, settings = ((data / name).read_bytes() for name in ("weights.pt", "config.json"))
    (data / "weights.pt").write_bytes(weights[:1000])
    with pytest.raises(TrackingError, match=r"the kept model in .* cannot be read \(.*\); train it again"):
        load_model(tmp_path)
    torch.save({}, data / "weights.pt")
    with pytest.raises(TrackingError, match=r"the weights in .* are not those of its configuration"):
        load_model(tmp_path)
    (data / "config.json").write_bytes(settings[:20])
    with pytest.raises(TrackingError, match=r"the kept model in .* cannot be read"):
        load_model(tmp_path)


@pytest.mark.parametrize("normalisation", ["channel", "layer"])
def test_the_thresholds_of_a_converted_neuron_belong_to_its_state(normalisation: Literal["channel", "layer"]) -> None:
    parameters = ConvertedParameters(normalisation=normalisation)
    neuron, other = ConvertedNeuron(parameters, "reference"), ConvertedNeuron(parameters, "reference")
    other.load_state_dict(neuron.state_dict())
    assert not other.thresholds.numel()
    neuron.normalise(neuron.in_rows(torch.tensor([[[0.0, 0.7], [0.3, 0.9]]])))
    other.load_state_dict(neuron.state_dict())
    assert neuron.thresholds.numel() == {"channel": 2, "layer": 1}[normalisation]
    assert (other.thresholds.tolist(), other.params) == (neuron.thresholds.tolist(), neuron.params)
