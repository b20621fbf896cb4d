"""Which synapses a network has: how many of them a value reaches, exact at borders and through pooling.

A layer of neurons reaches the next one through pooling and one synapse, a convolution or a fully connected layer. Both
are linear, so the number of synapses behind each value, its fan-out, is a gradient: that of the summed output in the
value when all weights that are not zero are 1 and pooling is a plain sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tssl_core.layers import SumPool, TimeConstantDropout, TimeFirst
from tssl_core.network import Network
from tssl_core.normalisation import TimeBatchNorm

Synapse: TypeAlias = nn.Conv2d | nn.Linear


@dataclass(frozen=True)
class Stage:
    """What lies between two layers of neurons.

    Parameters
    ----------
    source : Module or None
        The neurons whose output it takes; None for the input of the network.
    path : tuple of Module
        Pooling, flattening and the synapse, in order.
    """

    source: nn.Module | None
    path: tuple[nn.Module, ...]

    @property
    def synapse(self) -> Synapse | None:
        """The layer with the weights; None where pooling has neurons of its own, as it has no weights."""
        return next((module for module in self.path if isinstance(module, nn.Conv2d | nn.Linear)), None)


def stages_of(model: nn.Module) -> list[Stage] | None:
    """Split a model's `Network` at its neurons; None if there is not one of known parts that could be counted."""
    networks = [module for module in model.modules() if isinstance(module, Network)]
    if len(networks) != 1:
        return None
    stages: list[Stage] = []
    source: nn.Module | None = None
    path: list[nn.Module] = []
    for module in (*networks[0].before_first_neuron, *networks[0].rest):
        if isinstance(module, TimeFirst):
            path += module.module if isinstance(module.module, nn.Sequential) else [module.module]
        elif not isinstance(module, TimeConstantDropout | TimeBatchNorm):  # the latter is part of the weights
            stages.append(Stage(source, tuple(path)))
            source, path = module, []
    known = SumPool | nn.AvgPool2d | nn.Flatten | nn.Conv2d | nn.Linear
    return stages if all(isinstance(module, known) for stage in stages for module in stage.path) else None


def fan_out(path: Sequence[nn.Module], shape: Sequence[int], *, zero_weights: bool = False) -> Tensor:
    """How many synapses each value reaches.

    Parameters
    ----------
    path : sequence of Module
        See `Stage`; without a synapse in it nothing is reached.
    shape : sequence of int
        Of the values of one sample and time step, ``[C, H, W]`` or ``[N]``.
    zero_weights : bool
        Whether to count also the synapses whose weight is 0.

    Returns
    -------
    Tensor
        float64, exact, shaped `shape`, on the device of the synapse.
    """
    synapse = next((module for module in path if isinstance(module, nn.Conv2d | nn.Linear)), None)
    if synapse is None:
        return torch.zeros(tuple(shape), dtype=torch.float64)
    with torch.enable_grad():
        value = torch.ones(1, *shape, dtype=torch.float64, device=synapse.weight.device, requires_grad=True)
        reached = value
        for module in path:
            reached = _reach(module, reached, zero_weights=zero_weights)
        (gradient,) = torch.autograd.grad(reached.sum(), value)
    return gradient[0]


def _reach(module: nn.Module, value: Tensor, *, zero_weights: bool) -> Tensor:
    """Hand a number of spikes on to each output that they reach."""
    match module:
        case SumPool():
            return F.avg_pool2d(value, module.size, divisor_override=1)
        case nn.AvgPool2d():
            window = (module.kernel_size, module.stride, module.padding, module.ceil_mode)
            return F.avg_pool2d(value, *window, divisor_override=1)
        case nn.Conv2d() | nn.Linear():
            weight = module.weight.detach()
            mask = (torch.ones_like(weight) if zero_weights else weight != 0).to(value.dtype)
            if isinstance(module, nn.Linear):
                return F.linear(value, mask)
            return F.conv2d(value, mask, None, module.stride, module.padding, module.dilation, module.groups)
        case _:
            flattened: Tensor = module(value)
            return flattened
