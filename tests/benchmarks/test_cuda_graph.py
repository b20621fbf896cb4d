"""Training steps recorded as CUDA graphs: nothing but the time that they take is another."""

from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from benchmarks.config import Execution, RunConfig
from benchmarks.cuda_graph import WARM_UP, Recorded
from benchmarks.training import prepare
from tests.benchmarks.test_training import DIGITS, config_of

METHODS = ("tssl_bp", "tssl_bp:warm-up", "tssl_bp:paper-2020-09", "stbp", "slayer", "bptt", "ann", "converted")

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; PyTorch finds none here")


def trained(config: RunConfig, *, cuda_graphs: bool) -> tuple[list[dict[str, object]], dict[str, Tensor]]:
    """Return what was recorded of each epoch, but for its time, and the weights."""
    training = prepare(config, Execution(device="cuda", cuda_graphs=cuda_graphs), DIGITS)
    epochs = [asdict(record) | {"train_seconds": 0, "test_seconds": 0} for record in training.epochs()]
    return epochs, dict(training.model.named_parameters())


@pytest.mark.parametrize("method", METHODS)
def test_a_recorded_training_is_the_same_bit_for_bit_dropout_and_a_short_last_batch_included(method: str) -> None:
    config = config_of(method=method, epochs=3)
    assert config.train_samples is not None
    assert config.train_samples % config.batch_size
    assert config.train_samples // config.batch_size > WARM_UP + 1
    epochs, weights = trained(config, cuda_graphs=True)
    expected_epochs, expected_weights = trained(config, cuda_graphs=False)
    assert epochs == expected_epochs
    assert all(torch.equal(weights[name], expected_weights[name]) for name in expected_weights)


def test_a_recorded_step_is_taken_anew_for_each_input_and_as_it_is_for_another_shape() -> None:
    device = torch.device("cuda")
    total = torch.zeros(2, device=device)
    calls = []

    def step(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        calls.append(inputs.shape)
        total.add_(inputs.sum(0) * targets.sum())
        return total.sum(), None

    recorded, wanted = Recorded(step, device), torch.zeros(2)
    for number in range(8):
        shape = (3, 2) if number == 6 else (4, 2)
        inputs, targets = torch.full(shape, float(number)), torch.full((shape[0],), 0.5)
        wanted += inputs.sum(0) * targets.sum()
        loss, found = recorded(inputs.to(device), targets.to(device))
        assert found is None
        assert loss.item() == wanted.sum().item()
    assert len(calls) == WARM_UP + 1 + 1, "as they are, while recording, and for the other shape"
