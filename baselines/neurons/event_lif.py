"""LIF neurons with exponential synapses and the exact gradient of their spike times, in plain PyTorch.

In continuous time, with I raised by w where a presynaptic spike arrives (Wunderlich & Pehle 2021)::

    tau_m dV/dt = -V + I        tau_s dI/dt = -I        V is set to 0 where it crosses the threshold

On a grid of steps of length 1, spikes fall on grid points and V is exact between them::

    i[t] = alpha i[t-1] + x[t]                        synaptic current; x = W s_pre
    v[t] = beta r[t-1] + kappa i[t]                   membrane potential
    s[t] = 1 where v[t] > threshold else 0            spike
    r[t] = v[t] (1 - s[t])                            what the reset leaves
    alpha = exp(-1/tau_s), beta = exp(-1/tau_m), kappa = tau_s (beta - alpha) / (tau_m - tau_s)

Backward, for t = T-1 ... 0, given g = dL/ds, what one spike more in step t would change. No spike is ever added, they
are only moved: what counts is the slope h of g in time, which is the derivative of the loss in the time of a spike::

    d[t]  = -h[t] / rise[t] + y[t] (1 + threshold / (tau_m rise[t]))    in a step with a spike
          = y[t]                                                        in a step without
    y[t-1] = beta d[t]                                y = dL/dr
    z[t]  = kappa d[t] + alpha z[t+1]                 z = dL/di = dL/dx
    rise[t] = v[t] - r[t-1]                           slope of V where it crosses the threshold
    h[t]  = (g[t+1] - g[t-1]) / 2                     h[0] = g[1] - g[0]; g[T] = 0

In the paper's letters ``y = -tau_m lambda_V``, ``z = -tau_s lambda_I``, and what reaches the spikes of the layer
before is ``g = W^T z``, so that ``h = W^T (lambda_V - lambda_I)``, as ``tau_s dlambda_I/dt = lambda_I - lambda_V``; the
first line is the jump of its table 2. Layers thus exchange dL/ds as all networks here do, and pooling, dropout,
convolutions and losses of spike trains need nothing of their own. The error is of the first order in the step.

Of the published discrete forms: a step in closed form is that of Nowotny et al. 2022 (mlGeNN), who take I - V after the
step for the slope of V. That may be negative where steps are long; the rise over the step, Norse's, is always positive.
Forward differences are what remains of theirs for h. They miss half the jump that a loss may have in a spike's own
trace, as the van Rossum distance has, however short the steps are; hence the central ones.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from tssl_core.errors import ParameterError
from tssl_core.kernels.scan import Scan, reference_backend
from tssl_core.layers import SpikingLayer

Difference = Literal["central", "forward"]


@dataclass(frozen=True, kw_only=True)
class EventLIFParams:
    """LIF neuron with exponential synapses, and how its gradient is discretised.

    Parameters
    ----------
    tau_m, tau_s : float
        Membrane and synaptic time constants in time steps.
    threshold : float
        Firing threshold; a neuron spikes where its membrane potential is strictly above it.
    difference : {"central", "forward"}
        How the derivative of the loss in the time of a spike is taken, from the steps before and behind it, or from its
        own and the next one, ``h[t] = g[t+1] - g[t]``, as published implementations do.
    smallest_rise : float
        Slopes of the membrane potential below this count as this, in thresholds a step. 0 is the exact gradient, which
        has no bound where a neuron barely reaches its threshold.
    rate_strength, rate_target : float
        Adds ``rate_strength (n - rate_target T)`` to d at each spike of a neuron that spikes n times in the window of T
        steps (Nowotny et al. 2022): it then spikes less often or, if it spikes at all, more often. 0 for none.
    """

    tau_m: float = 5.0
    tau_s: float = 2.0
    threshold: float = 0.25
    difference: Difference = "central"
    smallest_rise: float = 0.0
    rate_strength: float = 0.0
    rate_target: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        for name in ("tau_m", "tau_s", "threshold"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; expected a positive number")
        for name in ("smallest_rise", "rate_strength", "rate_target"):
            if not getattr(self, name) >= 0:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; expected 0 or a positive number")
        if self.difference not in get_args(Difference):
            expected = ", ".join(get_args(Difference))
            raise ParameterError(f"difference is {self.difference!r}; expected one of {expected}")


class Coefficients(NamedTuple):
    """Numbers of the recursion: alpha, beta, kappa."""

    synapse: float
    membrane: float
    gain: float

    @classmethod
    def of(cls, params: EventLIFParams) -> "Coefficients":
        """Derive them from the parameters."""
        alpha, beta = math.exp(-1 / params.tau_s), math.exp(-1 / params.tau_m)
        # tau_s (beta - alpha) / (tau_m - tau_s), in a form that has its limit where the time constants are equal.
        rate = 1 / params.tau_s - 1 / params.tau_m
        return cls(alpha, beta, beta / params.tau_m * (-math.expm1(-rate) / rate if rate else 1.0))


class Trace(NamedTuple):
    """Membrane potential before the reset, its rise since the step before, and spikes; each ``[T, ...]``."""

    v: Tensor
    rise: Tensor
    spike: Tensor


def simulate(current: Tensor, params: EventLIFParams) -> Trace:
    """Run the neurons from rest.

    Parameters
    ----------
    current : Tensor
        Weighted input spikes x, or any input, ``[T, ...]``, floating point; one neuron an element past the first axis.
    params : EventLIFParams
        Neuron parameters.

    Returns
    -------
    Trace
        Shaped and typed like `current`.
    """
    alpha, beta, kappa = Coefficients.of(params)
    v, rise, spike = (torch.empty_like(current) for _ in range(3))
    synapse, rest = torch.zeros_like(current[0]), torch.zeros_like(current[0])
    for t in range(current.shape[0]):
        synapse = alpha * synapse + current[t]
        v[t] = beta * rest + kappa * synapse
        rise[t] = v[t] - rest
        spike[t] = (v[t] > params.threshold).to(current.dtype)
        rest = v[t] * (1 - spike[t])
    return Trace(v, rise, spike)


def slope_in_time(grad_spikes: Tensor, difference: Difference) -> Tensor:
    """Derivative in time ``[T, ...]`` of dL/ds, which is that of the loss in the times of the spikes.

    Behind the window dL/ds is 0: a spike there changes nothing.
    """
    later = torch.cat([grad_spikes[1:], torch.zeros_like(grad_spikes[:1])])
    forward = later - grad_spikes
    if difference == "forward":
        return forward
    return torch.cat([forward[:1], (later[1:] - grad_spikes[:-1]) / 2])


def forward(current: Tensor, params: EventLIFParams) -> Tensor:
    """Return the spikes ``[T, ...]``, 0 or 1, that `current` evokes; see `simulate`."""
    return simulate(current, params).spike


def backward(grad_spikes: Tensor, current: Tensor, params: EventLIFParams) -> Tensor:
    """Return dL/dx by the adjoint method.

    Parameters
    ----------
    grad_spikes : Tensor
        dL/ds, ``[T, ...]``; only its slope in time matters.
    current : Tensor
        The input of the forward pass, ``[T, ...]``; the membrane potential is computed again from it.
    params : EventLIFParams
        Neuron parameters.

    Returns
    -------
    Tensor
        Shaped and typed like `current`; 0 for neurons without a spike.
    """
    alpha, beta, kappa = Coefficients.of(params)
    _, rise, spike = simulate(current, params)
    # 1 / rise is used at spikes only, where the rise is positive: elsewhere no infinity may meet a zero.
    inverse = spike / torch.where(spike > 0, rise.clamp(min=params.smallest_rise * params.threshold), 1)
    moved = -slope_in_time(grad_spikes, params.difference) * inverse
    if params.rate_strength:
        moved = moved + params.rate_strength * (spike.sum(0) - params.rate_target * len(spike)) * spike
    kept = 1 + params.threshold / params.tau_m * inverse

    grad_current = torch.empty_like(current)
    membrane, synapse = torch.zeros_like(current[0]), torch.zeros_like(current[0])
    for t in reversed(range(current.shape[0])):
        potential = moved[t] + kept[t] * membrane
        synapse = kappa * potential + alpha * synapse
        membrane = beta * potential
        grad_current[t] = synapse
    return grad_current


EVENT_LIF = Scan("event_lif", (EventLIFParams,), (reference_backend(forward, backward),))
"""``EVENT_LIF(current, params, backend=...)``: the spikes, differentiable in their times."""


class EventLIF(SpikingLayer):
    """A layer of these neurons; its output is their spikes.

    Attributes
    ----------
    fired : Tensor, optional
        Which neurons, or channels of a convolution, spiked in the last training batch, bool ``[N]``.
    """

    def __init__(self, params: EventLIFParams, *, backend: str = "auto") -> None:
        super().__init__()
        self.params, self.backend = params, backend
        self.fired: Tensor | None = None

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes ``[T, B, ...]``, 0 or 1, of an input of that shape."""
        spikes = EVENT_LIF(current, self.params, backend=self.backend)
        if self.training:
            self.fired = (spikes.detach() > 0).transpose(1, 2).flatten(2).any(-1).any(0) if spikes.dim() > 2 else None
        return spikes

    def spikes(self, output: Tensor) -> Tensor:
        """Return the output: it is the spikes."""
        return output


class LeakyIntegrator(torch.nn.Module):
    """The same neurons without threshold; the output is their membrane potential ``[T, B, ...]``."""

    def __init__(self, params: EventLIFParams) -> None:
        super().__init__()
        self.params = params

    def forward(self, current: Tensor) -> Tensor:
        """Return the membrane potential ``[T, ...]`` of an input of that shape; differentiable."""
        alpha, beta, kappa = Coefficients.of(self.params)
        synapse = potential = torch.zeros_like(current[0])
        potentials = []
        for step in current:
            synapse = alpha * synapse + step
            potential = beta * potential + kappa * synapse
            potentials.append(potential)
        return torch.stack(potentials)
