"""The neuron beside the floor: the time that moving the same bytes takes.

The forward pass reads the current and writes the PSC, as a copy does; the backward pass reads dL/da and the current and
writes dL/dI, as an addition does. Kernels and floor write into memory that is there already, so that neither pays
for fresh pages. The kernels are compared with the reference before they are timed.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.micro.timing import interleaved_medians, record
from tssl_core import LIFParams, TSSLParams, reference
from tssl_core.kernels import available, resolve
from tssl_core.kernels.buffers import BUFFERS
from tssl_core.kernels.fusion import NOTHING

SHAPES = ((5, 50, 32, 28, 28), (5, 10, 256, 32, 32), (100, 50, 12, 32, 32))
TIME_STEPS = (1, 2, 5, 10, 20, 50, 100)
NEURONS = (1_000, 10_000, 100_000, 1_000_000, 4_000_000)
"""Neurons of a layer times samples of a batch: the kernels do not tell one from the other."""

LIF, TSSL = LIFParams(), TSSLParams()

Passes = dict[str, Callable[[], object]]


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Skip where there is no compiled kernel."""
    reason = available()["cpu"]
    if reason is not None:
        pytest.skip(reason)


def arrays_of(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return dL/da and a current that makes a tenth of the neurons spike in a step."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator) * 0.8


def passes(grad_psc: Tensor, current: Tensor, monkeypatch: pytest.MonkeyPatch) -> Passes:
    """Both passes of the kernels, once they are found equal to the reference, and of the floor."""
    backend = resolve("cpu")
    part = grad_psc[:, :2].contiguous(), current[:, :2].contiguous()
    assert torch.equal(backend.forward(part[1], LIF, TSSL, NOTHING)[0], reference.forward(part[1], LIF))
    expected = reference.backward(*part, LIF, TSSL)
    assert (backend.gradient(*part, None, (LIF, TSSL)) - expected).abs().max() <= 1e-5 * expected.abs().max()
    output = torch.empty_like(current)
    monkeypatch.setattr(BUFFERS, "empty_strided", lambda *_: output)
    return {
        "forward": partial(backend.forward, current, LIF, TSSL, NOTHING),
        "backward": partial(backend.gradient, grad_psc, current, None, (LIF, TSSL)),
        "copy": partial(output.copy_, current),
        "add": partial(torch.add, grad_psc, current, out=output),
    }


def floor_ratio(milliseconds: dict[str, float]) -> float:
    """Kernels over floor, forward and backward together."""
    return (milliseconds["forward"] + milliseconds["backward"]) / (milliseconds["copy"] + milliseconds["add"])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_neuron(benchmark: BenchmarkFixture, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels, floor and reference at the shapes of convolutional layers."""
    grad_psc, current = arrays_of(shape)
    milliseconds = interleaved_medians(passes(grad_psc, current, monkeypatch))
    slow = interleaved_medians(
        {
            "reference forward": partial(reference.forward, current, LIF),
            "reference backward": partial(reference.backward, grad_psc, current, LIF, TSSL),
        },
        rounds=1,
    )
    ratio = {
        "kernels / floor": floor_ratio(milliseconds),
        "reference / kernels": sum(slow.values()) / (milliseconds["forward"] + milliseconds["backward"]),
    }
    record(benchmark, work="neuron", label=str(list(shape)), milliseconds=milliseconds | slow, ratio=ratio)


@pytest.mark.parametrize("time_steps", TIME_STEPS)
def test_growth_with_time_steps(benchmark: BenchmarkFixture, time_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand neurons for longer and longer."""
    grow(benchmark, "growth with T", time_steps, 100_000, monkeypatch)


@pytest.mark.parametrize("neurons", NEURONS)
def test_growth_with_neurons(benchmark: BenchmarkFixture, neurons: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More and more neurons for five steps."""
    grow(benchmark, "growth with batch times width", 5, neurons, monkeypatch)


def grow(
    benchmark: BenchmarkFixture, work: str, time_steps: int, neurons: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time both passes and say what one neuron costs in one step."""
    grad_psc, current = arrays_of((time_steps, 10, neurons // 10))
    milliseconds = interleaved_medians(passes(grad_psc, current, monkeypatch))
    updates = time_steps * neurons
    nanoseconds = 1e6 * (milliseconds["forward"] + milliseconds["backward"]) / updates
    ratio = {"ns a neuron and step": nanoseconds, "kernels / floor": floor_ratio(milliseconds)}
    record(benchmark, work=work, label=f"T = {time_steps}, {neurons:,}", milliseconds=milliseconds, ratio=ratio)
