"""A run becomes a pretrained network that loads and has the accuracy that its entry says."""

from pathlib import Path

import pytest
import torch

import tssl_core.pretrained
from baselines.method import Model
from benchmarks.datasets.dataset import get_dataset
from benchmarks.errors import ExportError
from benchmarks.export.release import accuracy_of, release
from benchmarks.results import EpochResult
from benchmarks.tracking import Record
from tests.benchmarks.kept import keep_model
from tssl_core import load_pretrained, pretrained_networks


def keep_run(folder: Path, method: str) -> Model:
    """Write the record of a run and its model, untrained; returns the model."""
    config, model = keep_model(folder / "model", method)
    record = Record(
        study="made",
        run_key=config.run_key,
        cell_key=config.cell_key,
        config=config.model_dump(mode="json"),
        execution={},
        environment={"commit": "abc", "command": "tssl run"},
        process={},
        history=(
            EpochResult(
                epoch=1, train_loss=0.5, train_accuracy=0.3, test_accuracy=0.25, train_seconds=1, test_seconds=1
            ),
        ),
    )
    (folder / "run.json").write_text(record.to_json(), encoding="utf-8")
    return model


def test_what_is_released_loads_and_has_the_accuracy_that_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    trained = keep_run(tmp_path / "run", "tssl_bp").state_dict()
    (tmp_path / "weights").mkdir()
    entry = release(tmp_path / "run", "small", folder=tmp_path / "weights", root=tmp_path)
    (tmp_path / "weights" / "networks.toml").write_text(entry, encoding="utf-8")
    monkeypatch.setattr(tssl_core.pretrained, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(tssl_core.pretrained, "pretrained_networks", pretrained_networks.__wrapped__)
    record, loaded = pretrained_networks.__wrapped__()["small"], load_pretrained("small")
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, trained[f"network.{name}"].half().float())
    test = get_dataset("digits").load(tmp_path).test
    assert record.accuracy == accuracy_of(loaded, test, record.time_steps)
    assert (record.accuracy_last, record.commit, record.dataset) == (0.25, "abc", "digits")
    images, _ = test.batch(torch.arange(3))
    assert torch.equal(record.normalised(test.images[:3] / 16), images)  # type: ignore[attr-defined]


def test_a_run_of_another_method_is_not_released(tmp_path: Path) -> None:
    keep_run(tmp_path / "run", "stbp")
    with pytest.raises(ExportError, match="of stbp on digits; expected tssl_bp"):
        release(tmp_path / "run", "small", folder=tmp_path, root=tmp_path)
    assert not (tmp_path / "small.pt").exists()
