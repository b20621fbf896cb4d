"""What the tests of fused kernels share: cases of what is around a layer's neurons, at awkward sizes."""

import itertools
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.kernels import normal
from tssl_core.kernels.fusion import Fusion, Pooling, composed
from tssl_core.kernels.scan import Scan

MAPS = (2, 15, 9, 7)
"""Batch, channels, height, width: nothing that a vector or a window divides."""
DENSE = (3, 21)
POOLING = {"no pooling": None, "pool 2": Pooling(2, 1.1), "pool 3": Pooling(3, 0.9)}


def drop(*shape: int, seed: int) -> Tensor:
    """Draw factors of dropout."""
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) > 0.3) / 0.7


def gains(steps: int) -> Tensor:
    """Draw the gain of each time step."""
    return torch.rand(steps, generator=torch.Generator().manual_seed(steps)) + 0.3


def map_fusions(steps: int, maps: tuple[int, ...] = MAPS) -> dict[str, Fusion]:
    """All combinations around feature maps ``[steps, *maps]``, without the empty one."""
    batch, channels, height, _ = maps
    cases = {}
    for name, *choices in itertools.product(POOLING, *[(False, True)] * 3):
        pool, (gain, dropout, flat) = POOLING[str(name)], map(bool, choices)
        fusion = Fusion(
            gain=gains(steps) if gain else None,
            dropout=drop(1, batch, channels, height, 1, seed=1) if dropout else None,
            pool=pool,
            pool_dropout=drop(1, batch, channels, height // pool.size, 1, seed=2) if dropout and pool else None,
            flat=flat,
        )
        parts = (str(name), *(word for word, there in (("gain", gain), ("dropout", dropout), ("flat", flat)) if there))
        if not fusion.empty:
            cases[", ".join(parts)] = fusion
    return cases


def dense_fusions(steps: int, dense: tuple[int, ...] = DENSE) -> dict[str, Fusion]:
    """All combinations around neurons ``[steps, *dense]``, without the empty one."""
    gain, dropout = gains(steps), drop(1, *dense, seed=1)
    return {
        "gain": Fusion(gain=gain),
        "dropout": Fusion(dropout=dropout),
        "gain, dropout": Fusion(gain=gain, dropout=dropout),
    }


def current_for(fusion: Fusion, steps: int, shape: tuple[int, ...]) -> Tensor:
    """Draw a current that `fusion` fits, feature maps channels last; about a tenth of the neurons spikes in a step."""
    current = normal(steps if fusion.gain is None else 1, *shape) * 0.8 + 0.2
    return current.movedim(2, -1).contiguous().movedim(-1, 2) if len(shape) == 4 else current


def moved(fusion: Fusion, *to: Any) -> Fusion:
    """Call ``to`` on every tensor of `fusion`."""
    gain, dropout, pool_dropout = (
        None if factors is None else factors.to(*to) for factors in (fusion.gain, fusion.dropout, fusion.pool_dropout)
    )
    return replace(fusion, gain=gain, dropout=dropout, pool_dropout=pool_dropout)


def run_fused(
    scan: Scan, current: Tensor, fusion: Fusion, parameters: tuple[object, ...], backend: str, device: str
) -> tuple[Tensor, Tensor]:
    """Return output and dL/dI of a random error, brought back to the CPU; fails where the backend does not fuse."""
    chosen = scan.resolve(backend, device, current.dtype)
    leaf = current.detach().to(device).requires_grad_()
    placed = moved(fusion, device)
    if chosen.fuses:
        output = scan(leaf, *parameters, backend=backend, fusion=placed)
        assert output.stride() == placed.output_like(leaf).stride()
    else:
        output = composed(lambda whole: scan(whole, *parameters, backend=backend), leaf, placed)
    grad = normal(*output.shape, seed=1, dtype=current.dtype).to(device)
    (grad_current,) = torch.autograd.grad(output, leaf, grad)
    return output.detach().cpu(), grad_current.cpu()
