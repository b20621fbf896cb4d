"""Training and metrics: the same twice, better than before, measured as defined."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.method import Model
from benchmarks.config import Execution, RunConfig, validate_run
from benchmarks.datasets.dataset import Data, ImageSplit, get_dataset
from benchmarks.errors import DivergedError
from benchmarks.metrics import ActivityMeter, accuracy, latency_ms
from benchmarks.records import METRIC_COLUMNS, EpochRecord, RunRecord
from benchmarks.seeding import generator_for, seed_for
from benchmarks.training import make_optimizer, prepare, train_step
from tssl_core.layers import SpikingLayer

CPU = torch.device("cpu")
DIGITS = get_dataset("digits").load(Path())


def config_of(**changes: Any) -> RunConfig:
    base = {"dataset": "digits", "method": "tssl_bp", "architecture": "6C3d0.2-P2-30", "epochs": 2, "batch_size": 32}
    return validate_run({**base, "train_samples": 300, "test_samples": 100, **changes})


def train(config: RunConfig) -> tuple[list[EpochRecord], RunRecord, dict[str, Tensor]]:
    training = prepare(config, Execution(device="cpu"), DIGITS)
    history = list(training.epochs())
    return history, training.finish(history), training.model.state_dict()


def outcome(record: RunRecord) -> dict[str, float]:
    return {key: value for key, value in record.metrics().items() if key not in ("latency_ms", "training_seconds")}


@pytest.mark.parametrize("method", ["tssl_bp", "ann"])
def test_the_same_configuration_twice_gives_equal_weights_bit_for_bit(method: str) -> None:
    first, second = train(config_of(method=method)), train(config_of(method=method))
    assert first[2].keys() == second[2].keys()
    assert all(torch.equal(first[2][name], second[2][name]) for name in first[2])
    assert outcome(first[1]) == outcome(second[1])


def test_the_model_is_told_each_epoch_before_its_first_step() -> None:
    training = prepare(config_of(epochs=3, train_samples=64), Execution(device="cpu"), DIGITS)
    told: list[str] = []
    training.model.start_epoch = lambda epoch: told.append(f"epoch {epoch}")  # type: ignore[method-assign]
    training.model.after_step = lambda: told.append("step")  # type: ignore[method-assign]
    list(training.epochs())
    assert told == ["epoch 1", "step", "step", "epoch 2", "step", "step", "epoch 3", "step", "step"]


def test_another_seed_gives_other_weights() -> None:
    first, second = train(config_of(seed=0)), train(config_of(seed=1))
    assert not any(torch.equal(first[2][name], second[2][name]) for name in first[2])


def test_another_seed_gives_another_network_to_start_from() -> None:
    first, second = (prepare(config_of(seed=seed), Execution(device="cpu"), DIGITS).model for seed in (0, 1))
    assert not any(
        torch.equal(mine, other) for mine, other in zip(first.parameters(), second.parameters(), strict=True)
    )


def test_the_state_of_the_global_generator_does_not_matter() -> None:
    trained = train(config_of())[2]
    torch.rand(10)
    training = prepare(config_of(), Execution(device="cpu"), DIGITS)
    torch.rand(10)  # as a method might whose initialisation draws more numbers
    assert len(list(training.epochs())) == 2
    assert all(torch.equal(trained[name], weights) for name, weights in training.model.state_dict().items())


@pytest.mark.parametrize("method", ["tssl_bp", "tssl_bp:single-filter", "ann"])
def test_training_learns_the_digits(method: str) -> None:
    everything = {"train_samples": None, "test_samples": None}
    config = config_of(method=method, architecture="100", epochs=8, optimizer={"learning_rate": 2e-3}, **everything)
    history, record, _ = train(config)
    assert history[-1].train_loss < history[0].train_loss
    assert record.accuracy_last > 0.8


def test_the_best_epoch_is_the_first_with_the_highest_test_accuracy() -> None:
    training = prepare(config_of(epochs=1), Execution(device="cpu"), DIGITS)
    shared = {"train_loss": 1.0, "train_accuracy": 0.5, "train_seconds": 2.0, "test_seconds": 1.0}
    history = [
        EpochRecord(epoch=epoch, test_accuracy=test_accuracy, **shared)
        for epoch, test_accuracy in enumerate([0.2, 0.7, 0.7, 0.3], start=1)
    ]
    record = training.finish(history)
    assert (record.accuracy_best, record.best_epoch) == (0.7, 2)
    assert record.training_seconds == 8.0
    assert record.accuracy_last == accuracy(training.model, training.data.test, CPU)


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged() -> None:
    training = prepare(config_of(method="ann"), Execution(device="cpu"), DIGITS)
    next(training.model.parameters()).data.fill_(float("nan"))
    with pytest.raises(DivergedError, match=r"loss is nan in epoch 1; try a lower"):
        list(training.epochs())


def test_a_step_is_that_of_adamw_with_a_clipped_gradient() -> None:
    config = config_of(method="ann", architecture="5", optimizer={"grad_clip": 0.5, "learning_rate": 0.1})
    mine, twin = (prepare(config, Execution(device="cpu"), DIGITS).model for _ in range(2))
    inputs, labels = DIGITS.train.batch(torch.arange(8))
    train_step(mine, make_optimizer(mine, config.optimizer), inputs, labels, grad_clip=0.5)

    twin.loss(twin(inputs), labels).backward()
    gradients = [parameter.grad for parameter in twin.parameters() if parameter.grad is not None]
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    assert norm > 0.5
    for parameter, gradient in zip(twin.parameters(), gradients, strict=True):
        clipped = gradient * (0.5 / (norm + 1e-6))
        # The first step of AdamW: decay, then the learning rate in the direction of the sign.
        expected = parameter.detach() * (1 - 0.1 * 0.01) - 0.1 * clipped / (clipped.abs() + 1e-8)
        ours = dict(mine.named_parameters())[next(n for n, p in twin.named_parameters() if p is parameter)]
        torch.testing.assert_close(ours.detach(), expected, rtol=1e-4, atol=1e-5)


def test_streams_differ_by_purpose_and_seed_and_are_stable() -> None:
    assert seed_for(0, "order") == seed_for(0, "order") == 1294077219095703350
    assert len({seed_for(seed, purpose) for seed in (0, 1) for purpose in ("order", "dropout", "split")}) == 6
    assert (
        torch.randperm(9, generator=generator_for(3, "order")).tolist()
        == torch.randperm(9, generator=generator_for(3, "order")).tolist()
    )


class Fixed(SpikingLayer):
    """Neurons that spike as told."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def spikes(self, output: Tensor) -> Tensor:
        return output > 0


class Told(Model):
    """A model of one hidden and one output layer that hand their input on."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.output = Fixed(), Fixed()

    def forward(self, inputs: Tensor) -> Tensor:
        result: Tensor = self.output(self.hidden(inputs))
        return result

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError


def test_activity_counts_pairs_of_a_sample_and_a_hidden_neuron() -> None:
    model = Told()
    meter = ActivityMeter(model)
    #           t=0        t=1         sample 0: neuron 0 twice; sample 1: neuron 1 once; neuron 2 never
    first = torch.tensor([[[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 0]]])
    second = torch.tensor([[[0, 0, 0]], [[0, 0, 0]]])
    with meter.watching():
        model(first)
        model(second)
    model(torch.ones(2, 5, 3))  # not watched
    activity = meter.result()
    assert activity is not None
    assert activity.silent_fraction == 7 / 9
    assert activity.silent_fraction_with_output == 14 / 18
    assert activity.never_fraction == 1 / 3
    assert activity.firing_rate == 3 / 18


def test_a_network_without_spikes_has_no_activity() -> None:
    assert ActivityMeter(nn.Sequential(nn.ReLU())).result() is None
    assert train(config_of(method="ann", epochs=1))[1].activity is None


def test_accuracy_takes_the_class_of_the_largest_sum_over_time_and_the_lowest_in_a_tie() -> None:
    class Scores(Told):
        def forward(self, inputs: Tensor) -> Tensor:
            del inputs
            return torch.tensor([[[0.0, 3, 0], [0, 1, 2], [0, 0, 0]], [[0, 0, 2], [0, 1, 2], [0, 0, 0]]])

    split = ImageSplit(torch.zeros(3, 1, 1, 1, dtype=torch.uint8), torch.tensor([1, 2, 0]), 0.0, 1.0)
    assert accuracy(Scores(), split, CPU) == 1.0
    split.labels[2] = 1
    assert accuracy(Scores(), split, CPU) == pytest.approx(2 / 3)


def test_latency_is_a_positive_time_of_one_sample() -> None:
    training = prepare(config_of(), Execution(device="cpu"), DIGITS)
    assert 0 < latency_ms(training.model, DIGITS.test, CPU) < 100


def test_a_record_has_a_flat_name_for_each_number() -> None:
    _, record, _ = train(config_of(epochs=1))
    assert set(record.metrics()) == set(METRIC_COLUMNS)


def test_only_the_samples_that_were_asked_for_are_used() -> None:
    training = prepare(config_of(train_samples=70, test_samples=30), Execution(device="cpu"), DIGITS)
    data: Data = training.data
    assert (len(data.train), len(data.test)) == (70, 30)
