"""Learning rates by epoch: PyTorch's cosine, and no other numbers where they are constant."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR

from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.training.schedule import learning_rate
from benchmarks.training.training import Training, prepare
from tests.benchmarks.test_training import DIGITS, config_of


def training_of(**changes: Any) -> Training:
    return prepare(config_of(**changes), Execution(device="cpu"), DIGITS)


def rates(config: RunConfig) -> list[float]:
    return [learning_rate(config, epoch) for epoch in range(1, config.epochs + 1)]


def test_the_cosine_is_that_of_pytorch() -> None:
    config = config_of(epochs=7, schedule="cosine", optimizer={"learning_rate": 0.3})
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.3)
    schedule = CosineAnnealingLR(optimizer, T_max=7)
    for found in rates(config):
        assert found == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates(config)[0] == 0.3
    assert rates(config_of(epochs=2, schedule="cosine", optimizer={"learning_rate": 0.3})) == [0.3, pytest.approx(0.15)]


def test_the_steps_of_an_epoch_are_taken_at_its_rate() -> None:
    training = training_of(epochs=4, schedule="cosine")
    taken: set[float] = set()
    for number, _ in enumerate(training.epochs(), start=1):
        taken.add(training.state.optimizer.param_groups[0]["lr"])
        assert len(taken) == number
    assert taken == set(rates(training.config))


def test_an_epoch_at_another_rate_gives_other_weights_and_the_first_one_the_same() -> None:
    constant, cosine = (training_of(epochs=2, schedule=schedule) for schedule in ("constant", "cosine"))
    for equal, _ in zip((True, False), zip(constant.epochs(), cosine.epochs(), strict=True), strict=True):
        weights = zip(constant.model.parameters(), cosine.model.parameters(), strict=True)
        assert all(torch.equal(*pair) for pair in weights) == equal


def test_a_schedule_that_is_constant_leaves_key_and_optimiser_alone() -> None:
    assert config_of(schedule="constant").run_key == config_of().run_key
    assert config_of(schedule="cosine").run_key != config_of().run_key
    assert rates(config_of(epochs=3)) == [5e-4] * 3
    training = training_of(epochs=1)
    training.state.optimizer.param_groups[0]["lr"] = 1e-9
    list(training.epochs())
    assert training.state.optimizer.param_groups[0]["lr"] == 1e-9
