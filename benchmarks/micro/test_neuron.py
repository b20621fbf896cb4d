"""The neuron's backends, and beside them the floor: the time that moving the same bytes takes.

The forward pass reads the current and writes the PSC, as a copy does; the backward pass reads dL/da and the current and
writes dL/dI, as an addition does. Every backend is compared with the reference before it is timed::

    pytest benchmarks/micro/test_neuron.py               # tables, and the ratios
    pytest benchmarks/micro/test_neuron.py -k ratio -s   # the ratios alone, from interleaved measurements
"""

import time
from collections.abc import Callable
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from tssl_core import LIFParams, TSSLParams, reference
from tssl_core.kernels import available, native, resolve

SHAPES = {
    "T5": (5, 50, 32, 28, 28),
    "T5 wide": (5, 10, 256, 32, 32),
    "T100": (100, 50, 12, 32, 32),
}
ROWS = ("floor", "cpu", "reference")
LIF, TSSL = LIFParams(), TSSLParams()
ROUNDS = 15

Pair = tuple[Callable[[], Tensor], Callable[[], Tensor]]
"""Forward and backward pass on fixed arrays."""


@pytest.fixture(params=SHAPES)
def arrays(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> tuple[Tensor, Tensor]:
    """Return dL/da and a current that makes a tenth of the neurons spike in a step."""
    benchmark.group = request.param
    generator = torch.Generator().manual_seed(0)
    shape = SHAPES[request.param]
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator) * 0.8


def passes(row: str, grad_psc: Tensor, current: Tensor) -> Pair:
    """Return what a row times; all of it allocates what it writes, like a layer in training."""
    if row == "floor":
        return lambda: torch.clone(current), lambda: torch.add(grad_psc, current)
    reason = available()[row]
    if reason is not None:
        pytest.skip(reason)
    backend = resolve(row)
    return (
        lambda: backend.forward(current, LIF, TSSL),
        lambda: backend.backward(grad_psc, current, LIF, TSSL),
    )


def assert_equal_to_reference(row: str, grad_psc: Tensor, current: Tensor) -> None:
    """Compare a part of the arrays: a time means nothing without."""
    grad_psc, current = grad_psc[:, :2].contiguous(), current[:, :2].contiguous()
    forward, backward = passes(row, grad_psc, current)
    assert torch.equal(forward(), reference.forward(current, LIF))
    expected = reference.backward(grad_psc, current, LIF, TSSL)
    assert (backward() - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_pass(benchmark: BenchmarkFixture, row: str, direction: str, arrays: tuple[Tensor, Tensor]) -> None:
    """Time one pass; the reference once only, since it takes seconds."""
    if row != "floor":
        assert_equal_to_reference(row, *arrays)
    benchmark.group += f" {direction}"
    forward, backward = passes(row, *arrays)
    rounds = 1 if row == "reference" else ROUNDS
    benchmark.pedantic(forward if direction == "forward" else backward, rounds=rounds, warmup_rounds=1)


def interleaved_medians(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median milliseconds of each function, all called in turn so that they share the machine's moods."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(ROUNDS + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if round_ > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * median(values) for name, values in seconds.items()}


def test_ratio_to_the_floor(
    benchmark: BenchmarkFixture,
    arrays: tuple[Tensor, Tensor],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Print how many times the floor the compiled kernels take, forward and backward together."""
    assert_equal_to_reference("cpu", *arrays)
    forward, backward = passes("cpu", *arrays)
    floor_forward, floor_backward = passes("floor", *arrays)
    milliseconds = interleaved_medians(
        {"forward": forward, "backward": backward, "copy": floor_forward, "add": floor_backward}
    )
    # Once more into memory that is there already: the kernels alone, without the cost of fresh pages.
    grad_psc, current = arrays
    output = torch.empty_like(current)
    monkeypatch.setattr(native, "output_like", lambda _tensor: output)
    in_place = interleaved_medians(
        {
            "forward": forward,
            "backward": backward,
            "copy": lambda: output.copy_(current),
            "add": lambda: torch.add(grad_psc, current, out=output),
        }
    )
    benchmark.pedantic(forward, rounds=1)  # a row for the table, which wants one from each test
    with capsys.disabled():
        print(f"\n{benchmark.group} {tuple(current.shape)}, {torch.get_num_threads()} threads")
        for label, times in (("allocating", milliseconds), ("in place", in_place)):
            ratio = (times["forward"] + times["backward"]) / (times["copy"] + times["add"])
            print(f"  {label}: {ratio:.2f} times the floor;", ", ".join(f"{k} {v:.2f} ms" for k, v in times.items()))
