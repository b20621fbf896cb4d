"""SLAYER's neuron, the spike response model, in plain PyTorch: the specification of every faster backend.

The membrane potential is the sum of what every spike before has left behind (Shrestha & Orchard 2018)::

    u[t]   = sum_k epsilon(k) I[t-k] + sum_k nu(k) s[t-k]      I = W s_pre, as W (epsilon * s) = epsilon * (W s)
    s[t]   = 1 where u[t] >= threshold else 0
    epsilon(k) = (k / tau_s) exp(1 - k / tau_s)                                    peak 1 at k = tau_s
    nu(k)  = -refractory_scale threshold (k / tau_ref) exp(1 - k / tau_ref)        there is no reset

epsilon(0) = nu(0) = 0: a spike acts from the next step on. Without `delay`, epsilon(k + 1) stands in for epsilon(k),
so that a layer responds in the same step. Both kernels are k lambda^k up to a factor, lambda = exp(-1 / tau), and
are run exactly, by two sums each, in O(T)::

    p[t] = lambda p[t-1] + I[t]               sum_k lambda^k I[t-k]
    q[t] = lambda (q[t-1] + p[t-1])           sum_k k lambda^k I[t-k]; (e / tau_s) q is the response
    q[t] = lambda (q[t-1] + p[t])             without delay: sum_k (k + 1) lambda^(k+1) I[t-k]

Backward, given g = dL/ds, with the surrogate rho in place of the derivative of the spike. As in SLAYER, nothing
flows through nu; epsilon is crossed backwards in time, by the same two sums::

    rho(u)   = surrogate_scale / (surrogate_width threshold) exp(-|u - threshold| / (surrogate_width threshold))
    dL/dI[t] = sum_k epsilon(k) g[t+k] rho(u[t+k])

The public code cuts a kernel off where it falls below 0.01 in absolute value. At tau_s = 10 that is after 76 steps,
and 0.4 % of epsilon's sum is lost; shorter windows are not touched by it.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.neurons import fused
from tssl_core.errors import ParameterError
from tssl_core.kernels.fusion import NOTHING, Fusion
from tssl_core.kernels.scan import Scan, reference_backend
from tssl_core.layers import SpikingLayer


@dataclass(frozen=True, kw_only=True)
class SRMParams:
    """Spike response neuron and its surrogate (Shrestha & Orchard 2018; letters of the public code in brackets).

    Parameters
    ----------
    threshold : float
        Firing threshold [theta]; a neuron spikes where its membrane potential is at least that.
    tau_s, tau_ref : float
        Time constants of the synaptic response [tauSr] and of refractoriness [tauRef], in time steps.
    refractory_scale : float
        Depth of the refractory response, in thresholds [scaleRef]; 0 for none.
    surrogate_width : float
        Distance from the threshold, in thresholds, over which the surrogate falls to 1 / e [tauRho].
    surrogate_scale : float
        Factor on the surrogate, whose integral is twice that [scaleRho].
    delay : bool
        Whether a layer responds one step after its input, as published, or in the same step.
    """

    threshold: float = 1.0
    tau_s: float = 1.5
    tau_ref: float = 1.0
    refractory_scale: float = 1.0
    surrogate_width: float = 1.0
    surrogate_scale: float = 1.0
    delay: bool = False

    def __post_init__(self) -> None:
        """Refuse values for which a kernel or the surrogate has no meaning."""
        for name in ("threshold", "tau_s", "tau_ref", "surrogate_width", "surrogate_scale"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; expected a positive number")
        if not self.refractory_scale >= 0:
            raise ParameterError(f"refractory_scale is {self.refractory_scale!r}; expected 0 or a positive number")


class Coefficients(NamedTuple):
    """Numbers of the recursion."""

    decay: float
    gain: float
    """Of p and q, and from q to the membrane potential."""
    ref_decay: float
    ref_gain: float
    """The same of the refractory response."""

    @classmethod
    def of(cls, params: SRMParams) -> "Coefficients":
        """Derive them from the parameters."""
        return cls(
            decay=math.exp(-1 / params.tau_s),
            gain=math.e / params.tau_s,
            ref_decay=math.exp(-1 / params.tau_ref),
            ref_gain=-params.refractory_scale * params.threshold * math.e / params.tau_ref,
        )


class Trace(NamedTuple):
    """Membrane potential and spikes of a forward pass, each of shape ``[T, ...]``."""

    u: Tensor
    spike: Tensor


def simulate(current: Tensor, params: SRMParams) -> Trace:
    """Run the neurons from rest.

    Parameters
    ----------
    current : Tensor
        Weighted input spikes, or any input current, ``[T, ...]``, floating point; one neuron an element past the
        first axis.
    params : SRMParams
        Neuron parameters.

    Returns
    -------
    Trace
        Membrane potentials and spikes, shaped and typed like `current`.
    """
    decay, gain, ref_decay, ref_gain = Coefficients.of(params)
    u, spike = torch.empty_like(current), torch.empty_like(current)
    p, q, ref_p, ref_q = (torch.zeros_like(current[0]) for _ in range(4))
    for t in range(current.shape[0]):
        before, p = p, decay * p + current[t]
        q = decay * (q + (before if params.delay else p))
        ref_q = ref_decay * (ref_q + ref_p)
        u[t] = gain * q + ref_gain * ref_q
        spike[t] = (u[t] >= params.threshold).to(current.dtype)
        ref_p = ref_decay * ref_p + spike[t]
    return Trace(u, spike)


def surrogate(u: Tensor, params: SRMParams) -> Tensor:
    """Exponential that stands in for the derivative of a spike in the membrane potential `u`; shaped like it."""
    width = params.surrogate_width * params.threshold
    return params.surrogate_scale / width * torch.exp(-(u - params.threshold).abs() / width)


def forward(current: Tensor, params: SRMParams) -> Tensor:
    """Return the spikes ``[T, ...]`` that `current` evokes, 0 or 1; see `simulate`."""
    return simulate(current, params).spike


def backward(grad_spikes: Tensor, current: Tensor, params: SRMParams) -> Tensor:
    """Return dL/dI as SLAYER defines it.

    Parameters
    ----------
    grad_spikes : Tensor
        dL/ds, ``[T, ...]``.
    current : Tensor
        The input of the forward pass, ``[T, ...]``; the membrane potential is computed again from it.
    params : SRMParams
        Neuron parameters.

    Returns
    -------
    Tensor
        Shaped and typed like `current`.
    """
    error = grad_spikes * surrogate(simulate(current, params).u, params)
    decay, gain, *_ = Coefficients.of(params)
    grad_current = torch.empty_like(current)
    p, q = torch.zeros_like(current[0]), torch.zeros_like(current[0])
    for t in reversed(range(current.shape[0])):
        before, p = p, decay * p + error[t]
        q = decay * (q + (before if params.delay else p))
        grad_current[t] = gain * q
    return grad_current


def numbers(params: SRMParams) -> tuple[float, ...]:
    """Return what the fused kernels take for parameters."""
    width = params.surrogate_width * params.threshold
    return params.threshold, *Coefficients.of(params), width, params.surrogate_scale / width, params.delay


SPIKE_RESPONSE = Scan(
    "spike_response",
    (SRMParams,),
    (
        *fused.backends("spike_response", numbers, states=4, carries=2),
        reference_backend(forward, backward),
    ),
)
"""``SPIKE_RESPONSE(current, params, backend=...)``, differentiable, ``[T, ...]`` to ``[T, ...]``."""


class SpikeResponseNeuron(SpikingLayer):
    """Spike response neurons whose output is their spikes; see `simulate` and `backward`."""

    fuses = True

    def __init__(self, params: SRMParams, *, backend: str = "auto") -> None:
        super().__init__()
        self.params, self.backend = params, backend

    def forward(self, current: Tensor, fusion: Fusion = NOTHING) -> Tensor:
        """Return the spikes ``[T, B, ...]``, 0 or 1, of an input current of that shape."""
        return SPIKE_RESPONSE(current, self.params, backend=self.backend, fusion=fusion)

    def spikes(self, output: Tensor) -> Tensor:
        """Return the output as it is, as booleans."""
        return output > 0
