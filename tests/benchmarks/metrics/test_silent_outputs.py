"""How many samples the output says nothing about, epoch by epoch."""

import pytest
import torch

from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.metrics.counting.silent_outputs import SilentOutputs
from benchmarks.results import EpochResult
from benchmarks.training.training import Training, prepare

SMALL = {"dataset": "digits", "architecture": "12", "epochs": 1, "train_samples": 60, "test_samples": 40}


def training(method: str) -> Training:
    config = validate_run({**SMALL, "method": method})
    data = get_dataset("digits").load(None, parameters=config.parameters_of_dataset())  # type: ignore[arg-type]
    return prepare(config, Execution(device="cpu"), data)


def test_samples_for_which_every_class_has_the_same_score_are_counted_and_nan_is_no_score() -> None:
    silent = SilentOutputs()
    silent.add(torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [float("nan"), 1.0]]))
    silent.add(torch.tensor([[2.0, 0.0]]))
    assert silent.fraction(5) == 3 / 5


@pytest.mark.parametrize("method", ["tssl_bp", "stbp", "bptt", "slayer", "ann"])
def test_a_network_that_has_fallen_silent_says_so_in_its_epochs(method: str) -> None:
    run = training(method)
    (first,) = run.epochs()
    assert 0 <= first.measures["silent_output_fraction"] < 1
    with torch.no_grad():
        for weight in run.model.parameters():
            weight.zero_()
    silent = run._evaluate(run.data.test)
    assert silent.measures["silent_output_fraction"] == 1.0
    numbers = EpochResult(
        epoch=2,
        train_loss=0.0,
        train_accuracy=0.1,
        test_accuracy=silent.accuracy,
        train_seconds=0.0,
        test_seconds=0.0,
        measures=silent.measures,
    ).numbers()
    assert numbers["test_silent_output_fraction"] == 1.0
