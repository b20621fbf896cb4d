"""Integrate-and-fire neurons with reset by subtraction (Rueckauer et al. 2017), for inference only."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.neurons import fused
from tssl_core.errors import ParameterError
from tssl_core.kernels.scan import Scan, reference_backend
from tssl_core.layers import SpikingLayer


@dataclass(frozen=True, kw_only=True)
class IFParams:
    """Integrate-and-fire neuron without leak.

    Parameters
    ----------
    threshold : float
        theta; a neuron spikes where its membrane potential is at or above it.
    initial_potential : float
        V before the first time step, as a fraction of the threshold, in [0, 1).
    """

    threshold: float = 1.0
    initial_potential: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values for which a spike count is no rounded mean input."""
        if not 0 < self.threshold < math.inf:
            raise ParameterError(f"threshold is {self.threshold}; expected a positive finite number")
        if not 0 <= self.initial_potential < 1:
            raise ParameterError(f"initial_potential is {self.initial_potential}; expected a fraction in [0, 1)")


@torch.no_grad()
def integrate_and_fire(current: Tensor, params: IFParams) -> Tensor:
    """Spikes of neurons that integrate their input and lose one threshold with each spike.

    In each time step ``V <- V + z[t]``, ``s[t] = 1 if V >= theta else 0``, ``V <- V - theta s[t]``. The spike at
    equality is Rueckauer's step function, 1 at 0: an input of exactly theta is a rate of exactly 1. What a spike
    does not remove is kept, so that the rate r over T steps and the mean input z obey
    ``r = z / theta - (V[T] - V[0]) / (T theta)``.

    Parameters
    ----------
    current : Tensor
        z, ``[T, ...]``, floating point, T at least 1.
    params : IFParams
        Threshold and initial potential.

    Returns
    -------
    Tensor
        s, 0 or 1, of the shape and dtype of `current`; without gradient.
    """
    potential = torch.full_like(current[0], params.initial_potential * params.threshold)
    spikes = torch.empty_like(current)
    for step, incoming in enumerate(current):
        potential += incoming
        spikes[step] = potential >= params.threshold
        potential.sub_(spikes[step], alpha=params.threshold)
    return spikes


def numbers(params: IFParams) -> tuple[float, ...]:
    """Return what the fused kernels take for parameters."""
    return params.threshold, params.initial_potential * params.threshold


INTEGRATE_AND_FIRE = Scan(
    "integrate_and_fire",
    (IFParams,),
    (
        *fused.backends("integrate_and_fire", numbers, differentiable=False),
        reference_backend(integrate_and_fire, None),
    ),
)
"""``INTEGRATE_AND_FIRE(current, params, backend=...)``: the spikes, without gradient."""


class IntegrateAndFire(SpikingLayer):
    """Layer of integrate-and-fire neurons whose spikes have the height of their threshold.

    With that height the mean output is the mean input, rounded and cut to ``[0, theta]``: the weights behind the
    layer need no rescaling. Weights ``W theta_before / theta`` and a threshold of 1, as published, give the same
    spikes.

    Parameters
    ----------
    params : IFParams
        Threshold and initial potential.
    backend : str
        ``"auto"``, or the name of a backend of `INTEGRATE_AND_FIRE`.
    """

    def __init__(self, params: IFParams, *, backend: str = "auto") -> None:
        super().__init__()
        self.params, self.backend = params, backend

    def forward(self, current: Tensor) -> Tensor:
        """Return spikes times threshold, ``[T, B, ...]``, of an input current of that shape."""
        return INTEGRATE_AND_FIRE(current, self.params, backend=self.backend).mul_(self.params.threshold)

    def spikes(self, output: Tensor) -> Tensor:
        """Tell where the output is not 0."""
        return output != 0
