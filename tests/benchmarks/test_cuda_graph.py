"""Training steps recorded as CUDA graphs: nothing but the time that they take is another."""

from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.datasets.images.augmentation import CROP_AND_FLIP
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.platform.cuda_graph import WARM_UP, Recorded
from benchmarks.platform.memory import GPU_CONTEXT, bound_gpu_memory
from benchmarks.training.training import Training, prepare
from tests.benchmarks.test_training import DIGITS, config_of

TSSL_BP = ("tssl_bp", "tssl_bp:warm-up", "tssl_bp:paper-2020-09")
METHODS = (*TSSL_BP, "stbp", "slayer", "bptt", "ann", "converted", "qcfs", "tet")

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


@pytest.mark.parametrize("method", ["tssl_bp", "converted"])
def test_a_recorded_training_is_the_same_with_cosine_and_normalisation(method: str) -> None:
    config = config_of(method=method, epochs=3, schedule="cosine", batch_norm=True)
    (epochs, weights), (expected_epochs, expected_weights) = (
        trained(config, cuda_graphs=recording) for recording in (True, False)
    )
    assert epochs == expected_epochs
    assert all(torch.equal(weights[name], expected_weights[name]) for name in expected_weights)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_recorded_training_is_the_same_in_every_precision(precision: str) -> None:
    config = config_of(precision=precision, epochs=2, optimizer={"learning_rate": 2e-3})
    (epochs, weights), (expected_epochs, expected_weights) = (
        trained(config, cuda_graphs=recording) for recording in (True, False)
    )
    assert epochs == expected_epochs
    assert all(torch.equal(weights[name], expected_weights[name]) for name in expected_weights)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


def test_random_changes_and_several_passes_are_the_same_in_a_recording() -> None:
    assert isinstance(DIGITS.train, ImageSplit)
    data = Data(replace(DIGITS.train, augment=CROP_AND_FLIP), DIGITS.test, "made", passes=2)
    losses = []
    for recording in (True, False):
        training = prepare(config_of(epochs=2), Execution(device="cuda", cuda_graphs=recording), data)
        losses.append([record.train_loss for record in training.epochs()])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("method", "recordings"), [("tssl_bp", 1), ("tssl_bp:warm-up", 2)])
def test_a_step_is_recorded_once_for_all_epochs_in_which_the_model_is_the_same(
    method: str, recordings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    step = Training.counted_step

    def counted(training: Training, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        taken.append(len(targets))
        return step(training, inputs, targets)

    monkeypatch.setattr(Training, "counted_step", counted)
    warm_up = {"parameters": {"warm_up_epochs": 2}} if recordings > 1 else {}
    list(prepare(config_of(method=method, epochs=4, **warm_up), Execution(device="cuda"), DIGITS).epochs())
    assert taken.count(32) == recordings * (WARM_UP + 1)
    assert len(taken) - taken.count(32) == 4, "the short batch of each epoch"


def test_a_recording_is_made_anew_when_what_it_depends_on_is_another() -> None:
    device = torch.device("cuda")
    factor = [1.0]
    recorded = Recorded(lambda inputs: inputs * factor[0], device)
    inputs = torch.ones(3, device=device)
    for value in (1.0, 2.0):
        factor[0] = value
        recorded.hold(value)
        assert [recorded(inputs * number).tolist() for number in range(6)] == [[value * n] * 3 for n in range(6)]


def test_a_run_takes_no_more_than_its_share_of_the_memory() -> None:
    device, total = torch.device("cuda"), torch.cuda.mem_get_info()[1]
    share = 2 * GPU_CONTEXT / total
    try:
        bound_gpu_memory(device, share)
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(2 * GPU_CONTEXT, dtype=torch.uint8, device=device)
    finally:
        bound_gpu_memory(device, 1.0)


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
