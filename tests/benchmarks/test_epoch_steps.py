"""Steps whose batches a table holds are the steps of the batches themselves; what a recording depends on is told."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.images.augmentation import CROP_AND_FLIP
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.platform.memory import GPU_CONTEXT, allocator_share, bound_gpu_memory
from benchmarks.training.epoch_steps import Batch, EpochSteps, Table, draw_epoch
from benchmarks.training.state import Draws
from benchmarks.training.training import Training, prepare

CPU = torch.device("cpu")
DIGITS = get_dataset("digits").load(Path())
assert isinstance(DIGITS.train, ImageSplit)
AUGMENTED = Data(replace(DIGITS.train, augment=CROP_AND_FLIP), DIGITS.test, "made", passes=2)


class AsItIs:
    """In the place of a recording where there is no GPU: calls the function."""

    def __init__(self, function: Callable[..., Any], _device: torch.device) -> None:
        self.function, self.calls = function, 0

    def hold(self, state: Hashable) -> None:
        """Nothing is recorded that could be of no more use."""

    def __call__(self, *inputs: Any) -> Any:
        self.calls += 1
        return self.function(*inputs)

    def aside(self, function: Callable[..., Any], *inputs: Any) -> Any:
        return function(*inputs)


def config_of(**changes: Any) -> RunConfig:
    base = {"dataset": "digits", "method": "tssl_bp", "architecture": "4C3d0.2-P2-12", "epochs": 2, "batch_size": 32}
    return validate_run({**base, "train_samples": 150, "test_samples": 40, "held_out": 20, **changes})


def losses(training: Training, steps: EpochSteps) -> list[float]:
    """Of two epochs, taken one after the other."""
    training.model.train()
    found = []
    for _ in range(2):
        batches = draw_epoch(training.data.train, training.state.draws, batch_size=32, passes=training.data.passes)
        torch.manual_seed(0)
        for _ in steps.epoch(batches, training.model.python_state()):
            pass
        loss, correct = steps.sums()
        found += [float(loss), float(correct if correct is not None else -1)]
    return found


@pytest.mark.parametrize("on_device", [True, False])
def test_batches_taken_from_a_table_give_the_numbers_of_batches_made_one_by_one(
    on_device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.training.epoch_steps.Recorded", AsItIs)
    monkeypatch.setattr(ImageSplit, "on_device", on_device)
    results, weights = [], []
    for recording in (False, True):
        training = prepare(config_of(), Execution(device="cpu"), AUGMENTED)
        steps = EpochSteps(training.data.train, training.counted_step, CPU, recording=recording)
        results.append(losses(training, steps))
        weights.append(list(training.model.parameters()))
        if recording:
            recorded: Any = steps._recorded
            assert recorded.calls == 2 * 2 * (4 if on_device else 5), "a short batch comes from no table"
    assert results[0] == results[1]
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


def test_the_draws_of_an_epoch_are_those_of_its_batches_one_after_the_other() -> None:
    draws, same = (Draws.of(3, CPU) for _ in range(2))
    split = AUGMENTED.train
    batches = draw_epoch(split, draws, batch_size=500, passes=2)
    assert [len(batch.indices) for batch in batches] == [500, 500, 437] * 2
    orders = [torch.randperm(len(split), generator=same.order) for _ in range(2)]
    for batch, indices in zip(batches, (part for order in orders for part in order.split(500)), strict=True):
        assert torch.equal(batch.indices, indices)
        top, left = torch.randint(9, (2, len(indices)), generator=same.augmentation)
        mirrored = torch.rand(len(indices), generator=same.augmentation) < 0.5
        assert batch.changes is not None
        assert torch.equal(batch.changes, torch.stack([top, left, mirrored.long()]))
    assert all(batch.changes is None for batch in draw_epoch(DIGITS.train, draws, batch_size=500, passes=1))


def test_a_table_stays_where_it_is_and_begins_again_when_it_is_filled() -> None:
    table = Table(CPU)
    assert table.batch_size == 0
    places = set()
    for start in (0, 100):
        rows = torch.arange(start, start + 12).view(3, 4)
        table.fill([Batch(row, row[None] + 1) for row in rows])
        assert table._indices is not None
        places.add(table._indices.data_ptr())
        for row in rows[:2]:
            indices, changes = table.take()
            assert torch.equal(indices, row)
            assert changes is not None
            assert torch.equal(changes, row[None] + 1)
    assert table.batch_size == 4
    assert len(places) == 1


def test_a_model_tells_when_a_recording_of_it_is_of_no_more_use() -> None:
    warm_up = prepare(config_of(method="tssl_bp:warm-up"), Execution(device="cpu"), DIGITS).model
    states = []
    for epoch in (1, 2, 50, 51):
        warm_up.start_epoch(epoch)
        states.append(warm_up.python_state())
    assert states[0] != states[-1]
    assert len(set(states)) == 2
    training = prepare(config_of(method="converted"), Execution(device="cpu"), DIGITS)
    before = training.model.python_state()
    training._evaluate(training.data.test)
    assert training.model.python_state() != before, "thresholds are numbers in the kernels' arguments"


@pytest.mark.parametrize("method", ["tssl_bp", "stbp", "slayer", "bptt", "ann", "qcfs", "tet"])
def test_other_models_are_recorded_once(method: str) -> None:
    training = prepare(config_of(method=method), Execution(device="cpu"), DIGITS)
    states = {training.model.python_state()}
    for _ in training.epochs():
        states.add(training.model.python_state())
    assert len(states) == 1


def test_the_share_of_a_gpu_leaves_room_for_what_is_no_tensor() -> None:
    assert allocator_share(80 * GPU_CONTEXT, 1.0) == 1.0
    assert allocator_share(80 * GPU_CONTEXT, 0.25) == 0.25 - 1 / 80
    assert allocator_share(GPU_CONTEXT, 0.5) == 0.0


@pytest.mark.parametrize(("named", "number"), [("cuda", 2), ("cuda:0", 0), ("cuda:1", 1)])
def test_a_gpu_is_bounded_by_its_number_as_some_versions_of_pytorch_refuse_one_without(
    named: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded: list[tuple[float, int]] = []
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (0, 80 * GPU_CONTEXT * (index + 1)))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: bounded.append(given))
    bound_gpu_memory(torch.device(named), 0.5)
    assert bounded == [(0.5 - 1 / 80 / (number + 1), number)]
