"""The baselines' neurons: their kernels beside their references, compared before they are timed.

A layer is timed as training calls it, forward and backward through autograd; the integrate-and-fire neuron, which has
no gradient, forward.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from baselines.neurons.integrate_and_fire import INTEGRATE_AND_FIRE, IFParams
from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIFParams
from baselines.neurons.spike_response import SPIKE_RESPONSE, SRMParams
from benchmarks.micro.timing import interleaved_medians, record
from tssl_core.kernels.scan import Scan

SHAPES = ((5, 100, 400), (5, 50, 15, 24, 24))
NEURONS: dict[str, tuple[Scan, Any]] = {
    "iterative LIF": (ITERATIVE_LIF, IterativeLIFParams()),
    "iterative LIF, logistic": (ITERATIVE_LIF, IterativeLIFParams(surrogate="sigmoid")),
    "spike response": (SPIKE_RESPONSE, SRMParams()),
    "integrate and fire": (INTEGRATE_AND_FIRE, IFParams()),
}


def call(scan: Scan, params: Any, backend: str, current: Tensor, grad: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return spikes, and dL/d(current) if there is one; the graph is made anew, as in training."""
    leaf = current.detach().requires_grad_()
    spikes = scan(leaf, params, backend=backend)
    if spikes.requires_grad:
        spikes.backward(grad)
    return spikes.detach(), leaf.grad


def assert_equal(kernels: tuple[Tensor, Tensor | None], reference: tuple[Tensor, Tensor | None]) -> None:
    """Compare spikes bit for bit and gradients to rounding."""
    (spikes, gradient), (expected_spikes, expected) = kernels, reference
    assert torch.equal(spikes, expected_spikes)
    assert spikes.any()
    assert (gradient is None) == (expected is None)
    if gradient is not None and expected is not None:
        assert (gradient - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("neuron", NEURONS)
def test_baseline_neuron(benchmark: BenchmarkFixture, neuron: str, shape: tuple[int, ...]) -> None:
    """Time a layer of neurons of which some spike in each step."""
    scan, params = NEURONS[neuron]
    reason = scan.available()["cpu"]
    if reason is not None:
        pytest.skip(reason)
    generator = torch.Generator().manual_seed(0)
    current, grad = torch.randn(shape, generator=generator) * 0.8, torch.randn(shape, generator=generator)
    functions: dict[str, Callable[[], tuple[Tensor, Tensor | None]]] = {
        name: partial(call, scan, params, backend, current, grad)
        for name, backend in (("kernels", "cpu"), ("reference", "reference"))
    }
    assert_equal(functions["kernels"](), functions["reference"]())
    milliseconds = interleaved_medians(functions)
    record(
        benchmark,
        work="neurons of the baselines",
        label=f"{neuron} {list(shape)}",
        milliseconds=milliseconds,
        ratio={"reference / kernels": milliseconds["reference"] / milliseconds["kernels"]},
    )
