"""Times that can be compared: all functions in turn, so that they share the machine's moods."""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.platform.memory import keep_freed_memory

ROUNDS = 15


def interleaved_medians(
    functions: Mapping[str, Callable[[], object]], *, rounds: int | None = None
) -> dict[str, float]:
    """Return the median milliseconds of each function over some rounds, after one that does not count.

    Freed memory is kept, as in training.

    Parameters
    ----------
    functions : mapping
        By name; each is called once a round, in this order.
    rounds : int, optional
        `ROUNDS` by default.
    """
    keep_freed_memory()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range((rounds or ROUNDS) + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if round_ > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * median(values) for name, values in seconds.items()}


def record(
    benchmark: BenchmarkFixture,
    *,
    work: str,
    label: str,
    milliseconds: Mapping[str, float],
    ratio: Mapping[str, float],
    **more: object,
) -> None:
    """Keep what was measured in pytest-benchmark's JSON, where `benchmarks.micro.table` finds it.

    Parameters
    ----------
    benchmark : BenchmarkFixture
        Of the test.
    work : str
        What was timed; each has a table of its own.
    label : str
        First column of the row.
    milliseconds, ratio : mapping
        Further columns, by name.
    more
        Whatever else is worth keeping.
    """
    benchmark.group = work
    benchmark.extra_info |= {
        "work": work,
        "label": label,
        "milliseconds": dict(milliseconds),
        "ratio": dict(ratio),
        "threads": torch.get_num_threads(),
        "rounds": ROUNDS,
        **more,
    }
    benchmark.pedantic(lambda: None, rounds=1)  # a test without a timing of its own would not be kept
