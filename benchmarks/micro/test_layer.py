"""A layer's neurons with what is around them: in one pass over memory, and one after the other.

The shapes are those of the first layers of the paper's networks, with the gain of a constant image, sum pooling and,
for CIFAR-10, dropout. Output and gradient are compared before they are timed.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.micro.timing import interleaved_medians, record
from tssl_core import LIFParams, TSSLParams
from tssl_core.kernels import SPIKING_PSC, available
from tssl_core.kernels.fusion import Fusion, Pooling, composed

T = 5
LAYERS = {
    "MNIST CNN, first": ((1, 50, 15, 24, 24), True, False),
    "FashionMNIST CNN, first": ((1, 50, 32, 28, 28), True, False),
    "FashionMNIST CNN, second": ((T, 50, 64, 14, 14), False, False),
    "CNN1, second": ((T, 10, 256, 32, 32), False, True),
}


def layer(name: str) -> tuple[Tensor, Fusion]:
    """Return a current, channels last, and what is around the neurons."""
    shape, gain, dropout = LAYERS[name]
    generator = torch.Generator().manual_seed(0)
    current = torch.randn((*shape[:2], *shape[3:], shape[2]), generator=generator).movedim(-1, 2) * 0.8
    kept = (torch.rand((1, *shape[1:4], 1), generator=generator) < 0.8) / 0.8 if dropout else None
    return current, Fusion(gain=torch.linspace(0.4, 1, T) if gain else None, dropout=kept, pool=Pooling(2, 1.1))


def fused(current: Tensor, fusion: Fusion) -> Tensor:
    """All of it by one kernel."""
    return SPIKING_PSC(current, LIFParams(), TSSLParams(), fusion=fusion)


def step_by_step(current: Tensor, fusion: Fusion) -> Tensor:
    """The neurons by a kernel, the rest by PyTorch."""
    return composed(lambda whole: SPIKING_PSC(whole, LIFParams(), TSSLParams()), current, fusion)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(benchmark: BenchmarkFixture, name: str) -> None:
    """Forward and backward, the graph made anew as in training."""
    reason = available()["cpu"]
    if reason is not None:
        pytest.skip(reason)
    current, fusion = layer(name)
    leaf = current.requires_grad_()
    with torch.no_grad():
        grad = torch.randn_like(fused(leaf, fusion))

    def both_passes(function: Callable[[Tensor, Fusion], Tensor]) -> tuple[Tensor, Tensor]:
        output = function(leaf, fusion)
        return output, torch.autograd.grad(output, leaf, grad)[0]

    functions = {"fused": partial(both_passes, fused), "step by step": partial(both_passes, step_by_step)}
    (output, gradient), (expected_output, expected_gradient) = (function() for function in functions.values())
    assert torch.equal(output, expected_output)
    assert (gradient - expected_gradient).abs().max() <= 1e-5 * expected_gradient.abs().max()
    milliseconds = interleaved_medians(functions)
    label = f"{name} {[T, *current.shape[1:]]}"
    ratio = {"step by step / fused": milliseconds["step by step"] / milliseconds["fused"]}
    record(
        benchmark, work="layer of neurons and what is around it", label=label, milliseconds=milliseconds, ratio=ratio
    )
