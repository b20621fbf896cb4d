"""Runs a network's layers, each layer's neurons and what is around them as one operation where they can be."""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.modules import module as every_module

from tssl_core.kernels.fusion import Fusion, Pooling
from tssl_core.layers import SpikingLayer, SumPool, TimeConstantDropout, TimeFirst
from tssl_core.maps import scale_over_time


def run_fused(modules: Sequence[nn.Module], current: Tensor, gain: Tensor | None = None) -> Tensor:
    """Run modules one after the other, with the same result as if nothing was fused.

    Parameters
    ----------
    modules : sequence of Module
        Neurons or their normalisation first, then dropout, pooling, synapses and further neurons in any order.
    current : Tensor
        Of the first neurons, ``[T, B, ...]``; or, with `gain`, ``[1, B, ...]``.
    gain : Tensor, optional
        ``[T]``: in time step t the current is ``gain[t]`` times what is given.

    Returns
    -------
    Tensor
        What the last module gives, ``[T, B, ...]``.

    Notes
    -----
    Where a hook watches a module, what the hook is to see is made as it is without fusion.
    """
    position = 0
    while position < len(modules):
        neurons, rest = modules[position], modules[position + 1 :]
        if isinstance(neurons, SpikingLayer) and neurons.fuses:
            behind = _behind(rest) if not _watched(neurons) else ()
            current = neurons(current, _fusion(current, gain, behind, rest[len(behind) :]))
            position += len(behind)
        else:
            current = neurons(current if gain is None else scale_over_time(current, gain))
        gain = None
        position += 1
    return current


def _behind(rest: Sequence[nn.Module]) -> Sequence[nn.Module]:
    """Those of the next modules that can be fused with neurons: dropout, pooling, dropout; each may be missing."""
    end = int(_is_dropout(rest, 0))
    if end < len(rest) and _is_free(rest[end]) and pooling_of(rest[end]) is not None:
        end += 1
        end += _is_dropout(rest, end)
    return rest[:end]


def _is_dropout(modules: Sequence[nn.Module], at: int) -> bool:
    return at < len(modules) and isinstance(modules[at], TimeConstantDropout) and _is_free(modules[at])


def _fusion(current: Tensor, gain: Tensor | None, behind: Sequence[nn.Module], after: Sequence[nn.Module]) -> Fusion:
    """Say what is to be done; draws what dropout leaves out in the order of the modules."""
    shape = list(current.shape)
    dropout = pool = pool_dropout = None
    for module in behind:
        if isinstance(module, TimeConstantDropout):
            factors = module.factors(shape, current)
            dropout, pool_dropout = (factors, None) if pool is None else (dropout, factors)
        else:
            pool = pooling_of(module)
            assert pool is not None
            shape[-2:] = [length // pool.size for length in shape[-2:]]
    follows = after[0] if after else None
    flat = current.dim() == 5 and isinstance(follows, TimeFirst) and follows.flattens
    return Fusion(gain=gain, dropout=dropout, pool=pool, pool_dropout=pool_dropout, flat=flat)


def pooling_of(module: nn.Module) -> Pooling | None:
    """What kernels call a pooling module; None for anything else, and for averages that are no exact products."""
    pool = module.module if isinstance(module, TimeFirst) else None
    if isinstance(pool, SumPool):
        return Pooling(pool.size, pool.gain)
    if isinstance(pool, nn.AvgPool2d) and isinstance(pool.kernel_size, int):
        plain = (pool.stride, pool.padding, pool.ceil_mode) == (pool.kernel_size, 0, False)
        gain = 1 / (pool.divisor_override or pool.kernel_size**2)
        return Pooling(pool.kernel_size, gain) if plain and math.frexp(gain)[0] == 0.5 else None
    return None


def _is_free(module: nn.Module) -> bool:
    parts = module.children() if isinstance(module, TimeFirst) else ()
    return not any(_watched(part) for part in (module, *parts))


def _watched(module: nn.Module) -> bool:
    """Whether a hook is called with what the module takes or gives."""
    own = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(own) or bool(every_module._global_forward_hooks or every_module._global_forward_pre_hooks)
