"""Latency, throughput, convergence and memory, with a clock and sizes that are known."""

from collections.abc import Iterator
from itertools import accumulate, chain
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor

from benchmarks.datasets.samples.split import ImageSplit
from benchmarks.metrics import peak_memory
from benchmarks.metrics.convergence import Convergence, convergence
from benchmarks.metrics.latency import inference_latency
from benchmarks.metrics.metric import FinishedTraining
from benchmarks.metrics.peak_memory import PeakMemory
from benchmarks.metrics.throughput import Throughput
from benchmarks.platform.memory import keep_freed_memory
from tests.benchmarks.metrics.made import Told

CPU = torch.device("cpu")


class Sizes(Told):
    """Notes how many samples it is given, and in which mode."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, bool]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append((len(inputs), self.training))
        return inputs


def split_of(samples: int) -> ImageSplit:
    images = torch.zeros(samples, 1, 2, 2, dtype=torch.uint8)
    return ImageSplit(images, torch.zeros(samples, dtype=torch.int64), (0.0,), (1.0,))


def clock(*durations: float) -> Iterator[float]:
    """Times at the start and the end of each thing that takes so long."""
    return accumulate(chain.from_iterable((0.25, duration) for duration in durations))


def test_latency_is_the_median_with_quartiles_of_what_follows_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    repeats = [7.0, 2, 9, 4, 1, 6, 3, 10, 5, 8]
    ticks = clock(100, 200, 300, *repeats, 100, 200, 300, *(repeat / 10 for repeat in repeats))
    monkeypatch.setattr("benchmarks.metrics.latency.time.perf_counter", lambda: next(ticks))
    model = Sizes()
    latency = inference_latency(model, split_of(150), CPU)
    # Of 1 to 10: median 5.5, quartiles 3.25 and 7.75.
    assert latency["latency_ms"] == pytest.approx(1000 * 5.5 / 100)
    assert latency["latency_ms_iqr"] == pytest.approx(1000 * 4.5 / 100)
    assert latency["latency_ms_single"] == pytest.approx(1000 * 0.55)
    assert latency["latency_ms_single_iqr"] == pytest.approx(1000 * 0.45)
    assert model.seen == [(100, False)] * 13 + [(1, False)] * 13


def test_a_batch_of_latency_has_no_more_samples_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = clock(*[8.0] * 26)
    monkeypatch.setattr("benchmarks.metrics.latency.time.perf_counter", lambda: next(ticks))
    latency = inference_latency(Sizes(), split_of(4), CPU)
    assert (latency["latency_ms"], latency["latency_ms_single"]) == (2000, 8000)


def test_of_spike_trains_a_single_sample_has_all_its_time_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Trains(ImageSplit):
        def batch(self, indices: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
            images, labels = super().batch(indices, changes)
            return images.expand(7, *images.shape), labels

    class Shapes(Told):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.add(tuple(inputs.shape))
            return inputs

    seen: set[tuple[int, ...]] = set()
    ticks = clock(*[8.0] * 26)
    monkeypatch.setattr("benchmarks.metrics.latency.time.perf_counter", lambda: next(ticks))
    whole = split_of(4)
    latency = inference_latency(Shapes(), Trains(whole.images, whole.labels, whole.mean, whole.std), CPU)
    assert seen == {(7, 4, 1, 2, 2), (7, 1, 1, 2, 2)}
    assert latency["latency_ms"] == 2000


def test_throughput_is_that_of_the_median_epoch() -> None:
    data = SimpleNamespace(train=range(30), passes=2, test=range(6), held_out=range(4))
    seconds = zip([30, 2, 3], [1, 5, 90], strict=True)
    history = [SimpleNamespace(train_seconds=train, test_seconds=test) for train, test in seconds]
    run = cast(FinishedTraining, SimpleNamespace(data=data, history=history))
    assert Throughput(CPU).measure(run) == {
        "training_seconds": 35,
        "train_samples_per_second": 20,
        "test_samples_per_second": 2,
    }


def test_convergence_is_the_first_epoch_at_the_target_and_its_seconds_of_training() -> None:
    assert convergence([0.5, 0.951, 0.9, 0.975], [3, 4, 5, 6]) == {
        "epochs_to_90": 2,
        "seconds_to_90": 7,
        "epochs_to_95": 2,
        "seconds_to_95": 7,
        "epochs_to_97_5": 4,
        "seconds_to_97_5": 18,
    }
    assert convergence([0.1], [1]) == convergence([], []) == {}
    assert set(convergence([1.0], [1])) == {column.name for column in Convergence.columns}


def test_the_peak_of_memory_is_that_since_the_start_and_its_growth_that_of_the_run() -> None:
    if not peak_memory.reset_peak():
        pytest.skip("this system cannot set the mark of the highest resident size back")
    first = PeakMemory(CPU)
    block = torch.ones(100 * 2**18)  # 100 MiB
    del block
    peak = first.peak()
    second = PeakMemory(CPU)
    after = second.peak()
    assert peak["peak_memory_growth_mib"] is not None
    assert peak["peak_memory_mib"] is not None
    assert after["peak_memory_growth_mib"] is not None
    assert after["peak_memory_mib"] is not None
    assert 99 < peak["peak_memory_growth_mib"] < 130
    assert -1 < after["peak_memory_growth_mib"] < 20
    assert peak["peak_memory_mib"] - after["peak_memory_mib"] > 70


def test_memory_that_an_earlier_run_has_freed_does_not_hide_what_a_run_needs() -> None:
    if not (peak_memory.reset_peak() and keep_freed_memory()):
        pytest.skip(
            "this system cannot set the mark of the highest resident size back, or gives freed memory back itself"
        )
    block = torch.ones(100 * 2**18)  # 100 MiB, which the process keeps
    del block
    meter = PeakMemory(CPU)
    block = torch.ones(100 * 2**18)
    del block
    growth = meter.peak()["peak_memory_growth_mib"]
    assert growth is not None
    assert 90 < growth < 130


def test_where_the_mark_cannot_be_set_back_the_peak_is_of_the_process_and_its_growth_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = tmp_path_factory.mktemp("proc") / "none" / "file"
    monkeypatch.setattr("benchmarks.metrics.peak_memory.CLEAR_REFS", nowhere)
    monkeypatch.setattr("benchmarks.metrics.peak_memory.STATUS", nowhere)
    peak = PeakMemory(CPU).peak()
    assert peak["peak_memory_growth_mib"] is None
    assert peak["peak_memory_mib"] is not None
    assert peak["peak_memory_mib"] > 50  # PyTorch alone
