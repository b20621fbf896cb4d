"""A spiking neuron as a loop in plain PyTorch: what the neurons of other libraries are held to."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """What a library claims that its neuron computes.

    With v = 0 before the first step::

        u[t] = charge(v[t-1], I[t])                                       membrane potential
        s[t] = 1 where u[t] > threshold (or equal, `at_threshold`)        spike
        v[t] = u[t] (1 - s[t])                                            hard reset, before the next step

    Parameters
    ----------
    charge : callable
        In the library's own order of operations: another one rounds differently and moves spikes.
    threshold : float
        Firing threshold.
    at_threshold : bool
        Whether a membrane potential equal to the threshold spikes.
    primitive : callable
        Function of u - threshold whose derivative stands for that of the spike.
    detach_reset : bool
        Whether the gradient leaves out the reset's dependence on the spike.
    """

    charge: Callable[[Tensor, Tensor], Tensor]
    threshold: float
    at_threshold: bool
    primitive: Callable[[Tensor], Tensor]
    detach_reset: bool


class Unrolled(nn.Module):
    """A recurrence in plain PyTorch, step by step; its gradient is autograd's."""

    def __init__(self, recurrence: Recurrence) -> None:
        super().__init__()
        self.recurrence = recurrence

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes ``[T, ...]`` that a current of that shape evokes."""
        recurrence = self.recurrence
        v = torch.zeros_like(current[0])
        spikes = []
        for step in current:
            u = recurrence.charge(v, step)
            distance = u - recurrence.threshold
            hard = distance >= 0 if recurrence.at_threshold else distance > 0
            soft = recurrence.primitive(distance)
            spike = hard.to(u.dtype) + (soft - soft.detach())  # the value is hard's, the gradient soft's
            v = u * (1 - (spike.detach() if recurrence.detach_reset else spike))
            spikes.append(spike)
        return torch.stack(spikes)


def arctan_primitive(x: Tensor) -> Tensor:
    """Primitive of 1 / (1 + (pi x)^2)."""
    return torch.atan(math.pi * x) / math.pi


def superspike_primitive(x: Tensor) -> Tensor:
    """Primitive of 1 / (1 + |x|)^2 (Zenke & Ganguli 2018)."""
    return x / (1 + x.abs())
