"""Neurons and pooling under torch.func: the gradients of autograd, or an error, and never a constant."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap

from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIFParams
from baselines.qcfs import clip_floor_shift
from tssl_core import TSSLParams, spiking_psc
from tssl_core.maps import sum_pool

BATCH = torch.rand(4, 5, 30, generator=torch.Generator().manual_seed(0)) * 2


def by_autograd(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(x), x)
    return gradient


def of_neurons(current: Tensor) -> Tensor:
    return spiking_psc(current).square().sum()


def of_a_gate_that_looks_at_the_whole_layer(current: Tensor) -> Tensor:
    return spiking_psc(current, tssl=replace(TSSLParams(), gate="layer", layer_rate=0.3)).square().sum()


def of_a_baseline(current: Tensor) -> Tensor:
    return (ITERATIVE_LIF(current, IterativeLIFParams()) * current).sum()


def of_a_staircase(current: Tensor) -> Tensor:
    return clip_floor_shift(current, torch.tensor(1.5), 4).square().sum()


def of_pooling(current: Tensor) -> Tensor:
    return sum_pool(current.reshape(5, 1, 5, 6), 2, 1.1).square().sum()


FUNCTIONS = [of_neurons, of_a_gate_that_looks_at_the_whole_layer, of_a_baseline, of_a_staircase, of_pooling]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_grad_and_vmap_give_what_autograd_gives_one_by_one(function: Callable[[Tensor], Tensor]) -> None:
    expected = torch.stack([by_autograd(function, x) for x in BATCH])
    assert expected.abs().sum() > 0
    assert torch.equal(grad(function)(BATCH[0]), expected[0])
    assert torch.allclose(vmap(grad(function))(BATCH), expected, rtol=0, atol=1e-6)
    assert torch.allclose(vmap(grad(function), in_dims=1)(BATCH.movedim(0, 1)), expected, rtol=0, atol=1e-6)
    assert torch.allclose(vmap(function)(BATCH), torch.stack([function(x) for x in BATCH]), rtol=1e-6)


def test_a_jacobian_is_that_of_autograd() -> None:
    x = BATCH[0, :3, :4]
    expected = torch.autograd.functional.jacobian(spiking_psc, x)
    assert torch.equal(jacrev(spiking_psc)(x), expected)


@pytest.mark.parametrize("function", [of_neurons, of_a_baseline, lambda x: spiking_psc(x).sum()])
def test_a_second_derivative_is_an_error_under_torch_func_too(function: Callable[[Tensor], Tensor]) -> None:
    for transform in (grad, jacrev):
        with pytest.raises(RuntimeError, match="has no derivative of its own"):
            transform(lambda x: grad(function)(x).sum())(BATCH[0, :3, :4])
