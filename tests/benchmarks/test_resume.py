"""Going on after an interruption: the outcome is that of a run that was not interrupted, or the reason is said."""

import errno
import hashlib
import io
import os
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.method import available_methods
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.images.augmentation import Augmentation
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.errors import CheckpointError
from benchmarks.tracking.environment import Environment, describe_environment
from benchmarks.training.checkpoints import CHEAP, CheckpointPace, Found, RunCheckpoints, read_checkpoint
from benchmarks.training.seeding import as_global_stream, generator_for
from benchmarks.training.training import Training, prepare
from tests.benchmarks.measured import computed_in

EXECUTION = Execution(device="cpu")
DIGITS = get_dataset("digits").load(Path())
EPOCHS = 3


SHIFT = Augmentation(
    draw=lambda images, draw: torch.randint(1, 8, (1,), generator=draw).expand(images),
    change=lambda images, drawn: images.roll(int(drawn[0]), -1),
)


assert isinstance(DIGITS.train, ImageSplit)
SHIFTED = Data(replace(DIGITS.train, augment=SHIFT), DIGITS.test, "made")
"""Augmented, so that its random stream matters."""


def config_of(**changes: Any) -> RunConfig:
    base = {"dataset": "digits", "method": "ann", "architecture": "4C3d0.2-P2-12", "epochs": EPOCHS, "batch_size": 32}
    return validate_run({**base, "train_samples": 128, "test_samples": 60, "held_out": 40, **changes})


def environment(**changes: Any) -> Environment:
    described = describe_environment(EXECUTION, command="", data_source="", data_checksum="0")
    return replace(described, **changes)


def checkpoints_of(config: RunConfig, root: Path, **changes: Any) -> RunCheckpoints:
    return RunCheckpoints.of(root, "tiny", config.run_key, environment(**changes).deciding())


def outcome(training: Training) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train to the end; return the history and the record, but for what is measured."""
    list(training.epochs())
    history = training.state.history
    return [computed_in(record) for record in history], computed_in(training.finish(history))


def assert_equal_weights(first: Training, second: Training) -> None:
    one, other = first.model.state_dict(), second.model.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", [*available_methods(), "tssl_bp:warm-up"])
def test_a_run_goes_on_after_any_epoch_as_if_it_had_not_been_interrupted(method: str, tmp_path: Path) -> None:
    config = config_of(method=method)
    whole, checkpoints = prepare(config, EXECUTION, SHIFTED), checkpoints_of(config, tmp_path / "run")
    for record in whole.epochs():
        checkpoints.save(whole.state)
        shutil.copytree(checkpoints.folder, tmp_path / f"after-{record.epoch}")
    expected = outcome(whole)
    for epoch in range(1, EPOCHS + 1):
        torch.manual_seed(epoch)  # numbers that others draw are not the run's
        resumed = prepare(config, EXECUTION, SHIFTED)
        snapshot = replace(checkpoints, folder=tmp_path / f"after-{epoch}").find().snapshot
        assert snapshot is not None
        resumed.state.restore(snapshot)
        assert len(resumed.state.history) == epoch
        assert outcome(resumed) == expected
        assert_equal_weights(resumed, whole)


RECIPE = {"schedule": "cosine", "batch_norm": True}
"""Settings of a run that have a state, or depend on the epoch."""


@pytest.mark.parametrize("method", ["tssl_bp", "converted"])
def test_a_run_with_cosine_and_normalisation_goes_on_as_if_it_had_not_been_interrupted(
    method: str, tmp_path: Path
) -> None:
    whole, checkpoints = saved(tmp_path, epochs=2, method=method, **RECIPE)
    snapshot = checkpoints.find().snapshot
    assert snapshot is not None
    halfway = read_checkpoint(min(checkpoints.folder.iterdir()))
    halfway.pop("identity")
    resumed = prepare(whole.config, EXECUTION, SHIFTED)
    resumed.state.restore(halfway)
    assert len(resumed.state.history) == 1
    assert outcome(resumed) == outcome(whole)
    assert_equal_weights(resumed, whole)


def saved(root: Path, epochs: int = EPOCHS, **changes: Any) -> tuple[Training, RunCheckpoints]:
    """A run with so many epochs behind it, and its checkpoints."""
    config = config_of(epochs=epochs, **changes)
    training, checkpoints = prepare(config, EXECUTION, SHIFTED), checkpoints_of(config, root)
    for _ in training.epochs():
        checkpoints.save(training.state)
    return training, checkpoints


def epochs_of(checkpoints: RunCheckpoints) -> list[int]:
    return [len(read_checkpoint(path)["history"]) for path in sorted(checkpoints.folder.iterdir())]


def test_the_newest_two_checkpoints_are_kept_until_they_are_discarded(tmp_path: Path) -> None:
    _, checkpoints = saved(tmp_path)
    assert epochs_of(checkpoints) == [2, 3]
    checkpoints.discard()
    assert not checkpoints.folder.exists()
    assert checkpoints.find() == Found(None)


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, [1, 2, 3, 4, 5, 6]), (CHEAP / 2, [1, 2, 3, 4, 5, 6]), (0.2, [1, 4, 6]), (9.0, [1, 6])],
)
def test_a_checkpoint_that_takes_long_is_written_as_often_as_it_is_worth_its_time_and_at_the_end(
    seconds: float, expected: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, saved_after = [0.0], list[int]()

    def save(_checkpoints: RunCheckpoints, state: int) -> None:
        now[0] += seconds
        saved_after.append(state)

    monkeypatch.setattr(RunCheckpoints, "save", save)
    monkeypatch.setattr("benchmarks.training.checkpoints.time.perf_counter", lambda: now[0])
    pace = CheckpointPace(checkpoints_of(config_of(), tmp_path))
    for epoch in range(1, 7):
        now[0] += 8.0
        pace.after_epoch(epoch, last=epoch == 6)  # type: ignore[arg-type]
    assert saved_after == expected


@pytest.mark.parametrize("position", [0, 25, 100, 5000, -1])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(tmp_path: Path, position: int) -> None:
    _, checkpoints = saved(tmp_path)
    flip(max(checkpoints.folder.iterdir()), position)
    found = checkpoints.find()
    assert [
        re.search(r"epoch-000003-\w+\.pt is (damaged|no checkpoint)", text) is not None for text in found.problems
    ] == [True]
    assert found.snapshot is not None
    assert len(found.snapshot["history"]) == 2


def test_without_a_checkpoint_that_can_be_read_the_run_starts_anew(tmp_path: Path) -> None:
    _, checkpoints = saved(tmp_path)
    older, newer = sorted(checkpoints.folder.iterdir())
    newer.write_bytes(newer.read_bytes()[:-100])
    older.write_bytes(b"")
    found = checkpoints.find()
    assert found.snapshot is None
    assert ["is damaged" in found.problems[0], "is no checkpoint" in found.problems[1]] == [True, True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"threads": 63}, "threads was .* and is 63"),
        ({"torch": "1.0"}, "torch was .* and is 1.0"),
        ({"backend": "abacus"}, "backend was .* and is abacus"),
        ({"code_checksum": "x"}, "code_checksum was .* and is x"),
        ({"data_checksum": "x"}, "data_checksum was 0 and is x"),
        ({"processor": "x"}, "processor was .* and is x"),
    ],
)
def test_a_checkpoint_of_another_environment_is_not_used_and_stays(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    training, here = saved(tmp_path, epochs=2)
    there = checkpoints_of(training.config, tmp_path, **change)
    found = there.find()
    assert found.snapshot is None
    (problem,) = found.problems
    assert re.search(rf"is not used: {reason}$", problem)
    there.save(training.state)
    assert len(list(here.folder.iterdir())) == 3
    for checkpoints in (here, there):
        snapshot = checkpoints.find().snapshot
        assert snapshot is not None
        assert len(snapshot["history"]) == 2


def test_what_changes_no_bit_does_not_stop_a_run_from_going_on(tmp_path: Path) -> None:
    training, _ = saved(tmp_path, epochs=2)
    changed = checkpoints_of(training.config, tmp_path, command="x", commit="x", platform="x", data_source="x")
    assert changed.find().snapshot is not None


def test_a_checkpoint_of_another_run_under_the_name_of_this_one_is_not_used(tmp_path: Path) -> None:
    _, mine = saved(tmp_path, epochs=1)
    _, other = saved(tmp_path, epochs=1, seed=1)
    (path,), (foreign,) = mine.folder.iterdir(), other.folder.iterdir()
    path.write_bytes(foreign.read_bytes())
    found = mine.find()
    assert found.snapshot is None
    assert re.search(r"is not used: run_key was \w+ and is \w+", found.problems[0])


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    _, checkpoints = saved(tmp_path, epochs=1)
    (path,) = checkpoints.folder.iterdir()
    stream = io.BytesIO()
    torch.save({"identity": print}, stream)
    path.write_bytes(
        f"TSSL checkpoint 1 {hashlib.sha256(stream.getvalue()).hexdigest()}\n".encode() + stream.getvalue()
    )
    with pytest.raises(CheckpointError, match="holds something else than plain values"):
        read_checkpoint(path)


def test_a_checkpoint_that_was_cut_before_its_checksum_was_taken_is_named(tmp_path: Path) -> None:
    _, checkpoints = saved(tmp_path, epochs=1)
    (path,) = checkpoints.folder.iterdir()
    content = path.read_bytes().partition(b"\n")[2]
    others = io.BytesIO()
    torch.save([1, 2], others)
    for part in (b"", content[:100], content[: len(content) // 2], content[:-30], others.getvalue()):
        path.write_bytes(f"TSSL checkpoint 1 {hashlib.sha256(part).hexdigest()}\n".encode() + part)
        with pytest.raises(CheckpointError, match=f"{path.name} (was cut|holds something else)"):
            read_checkpoint(path)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write files of more bytes, much as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_system_refuses_leaves_the_checkpoints_before_it(tmp_path: Path) -> None:
    training, checkpoints = saved(tmp_path, epochs=2)
    before = sorted(checkpoints.folder.iterdir())
    training.state.history.append(replace(training.state.history[-1], epoch=3))
    with largest_file(4096), pytest.warns(UserWarning, match=r"no checkpoint in .*: File too large; the run goes on"):
        checkpoints.save(training.state)
    assert sorted(checkpoints.folder.iterdir()) == before
    assert checkpoints.find().snapshot is not None


def test_a_full_disk_is_a_warning_and_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        _, checkpoints = saved(tmp_path, epochs=1)
    assert list(checkpoints.folder.iterdir()) == []


def test_random_streams_are_the_same_for_all_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, held_out = ImageSplit.batch, set()
    batches: list[tuple[list[int], Tensor]] = []

    def noted(split: ImageSplit, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        inputs, labels = batch(split, indices, changes)
        if changes is not None:
            batches.append((indices.tolist(), inputs))
        return inputs, labels

    monkeypatch.setattr(ImageSplit, "batch", noted)
    seen = {}
    for method in available_methods():
        training = prepare(config_of(method=method, epochs=2), EXECUTION, SHIFTED)
        list(training.epochs())
        seen[method], batches = batches, []
        assert training.data.held_out is not None
        held_out.add(training.data.held_out.checksum())
    assert len(held_out) == 1
    first = seen["tssl_bp"]
    assert len(first) == 8
    assert first[0][0] != first[4][0], "each epoch has its own order"
    for others in seen.values():
        assert [indices for indices, _ in others] == [indices for indices, _ in first]
        assert all(torch.equal(one, other) for (_, one), (_, other) in zip(others, first, strict=True))


def test_what_draws_from_torch_draws_from_the_stream_and_leaves_torch_alone() -> None:
    expected = torch.rand(6, generator=generator_for(0, "dropout"))
    stream, drawn = generator_for(0, "dropout"), []
    before = torch.get_rng_state()
    for _ in range(2):
        with as_global_stream(stream):
            drawn.append(torch.rand(3))
    assert torch.equal(torch.cat(drawn), expected)
    assert torch.equal(torch.get_rng_state(), before)
