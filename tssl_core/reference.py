"""The TSSL-BP neuron in plain PyTorch: the specification that every faster backend is held to.

Forward, for t = 0 ... T-1 with u' = a = 0 before the first step (Zhang & Li 2020; authors' code)::

    u[t]  = u'[t-1] + (I[t] - u'[t-1] / tau_m)        membrane potential
    s[t]  = 1 where u[t] > threshold else 0           spike
    u'[t] = u[t] (1 - s[t])                           hard reset
    a[t]  = a[t-1] + (s[t] - a[t-1]) / tau_s          postsynaptic current (PSC)

Backward, for t = T-1 ... 0, given g = dL/da (authors' code, commit ffaac71, rewritten in O(T))::

    e[t]     = g[t] + (1 - 1/tau_s) e[t+1]            so that G[t] = e[t] / tau_s = sum_k epsilon(k-t) g[k]
    inv[t]   = clamp(1 / (u[t] - u'[t-1])) s[t]       slope of the firing time in u, spikes only
    timing   = inv[t] G[t]                            inter-neuron: through the PSC to the next layer
             + theta inv[t] u[t] / tau_m              intra-neuron: this spike's reset moves the next spike
             + theta (1 - 1/tau_m) (1 - s[t])         intra-neuron: the leak carries u to the next spike
    theta    = timing at spikes, else theta (1 - 1/tau_m)
    dL/dI[t] = timing, or G[t] surrogate'(u[t]) where the gate says so

The timing term is the authors' own: its reset part has the sign opposite to that of backpropagation through
time, and 1 / delta u stands for the derivative of the spike. docs/math.md derives both. It is therefore no
derivative of the forward pass, and cannot be checked by finite differences; tests/golden holds it instead.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from tssl_core.params import LIFParams, TSSLParams

SURROGATE_ARGUMENT_LIMIT = 8.0
"""The surrogate is evaluated at (u - threshold) / width clipped to this range (authors' code)."""

SILENT_PSC = 0.25
"""A neuron counts as recently active while its PSC is at least this fraction of 1 / tau_s (authors' code)."""


class Trace(NamedTuple):
    """All quantities of a forward pass, each of shape ``[T, ...]``."""

    delta_u: Tensor
    u: Tensor
    spike: Tensor
    psc: Tensor


def simulate(current: Tensor, lif: LIFParams) -> Trace:
    """Run the neurons from rest and keep every intermediate quantity.

    Parameters
    ----------
    current : Tensor
        Input current, ``[T, ...]``, floating point; every element past the first axis is one neuron.
    lif : LIFParams
        Neuron parameters.

    Returns
    -------
    Trace
        Membrane potentials, spikes and PSCs, each shaped and typed like `current`.
    """
    delta_u, u, spike, psc = (torch.empty_like(current) for _ in range(4))
    membrane = torch.zeros_like(current[0])
    synapse = torch.zeros_like(current[0])
    for t in range(current.shape[0]):
        # The order of operations is the authors': another one rounds differently and moves spikes.
        delta_u[t] = -membrane / lif.tau_m + current[t]
        u[t] = membrane + delta_u[t]
        spike[t] = (u[t] > lif.threshold).to(current.dtype)
        membrane = u[t] * (1 - spike[t])
        synapse = synapse + (spike[t] - synapse) / lif.tau_s
        psc[t] = synapse
    return Trace(delta_u, u, spike, psc)


def surrogate_derivative(u: Tensor, lif: LIFParams, width: float) -> Tensor:
    """Derivative of a logistic function of the membrane potential, centred on the threshold.

    Parameters
    ----------
    u : Tensor
        Membrane potential, any shape.
    lif : LIFParams
        Neuron parameters; only the threshold is used.
    width : float
        Width of the logistic function; the peak is ``1 / (4 width)``.

    Returns
    -------
    Tensor
        Shaped like `u`.
    """
    limit = SURROGATE_ARGUMENT_LIMIT
    sigma = torch.sigmoid(((u - lif.threshold) / width).clamp(-limit, limit))
    return sigma * (1 - sigma) / width


def surrogate_mask(trace: Trace, lif: LIFParams, tssl: TSSLParams) -> Tensor:
    """Tell where the surrogate gradient stands in for the timing gradient.

    Returns
    -------
    Tensor
        Boolean, broadcastable to ``[T, ...]``.
    """
    match tssl.gate:
        case "neuron":
            return trace.psc < SILENT_PSC / lif.tau_s
        case "layer":
            return trace.spike.mean() <= tssl.layer_rate
        case "always":
            return torch.ones((), dtype=torch.bool, device=trace.psc.device)
        case "never":
            return torch.zeros((), dtype=torch.bool, device=trace.psc.device)


def forward(current: Tensor, lif: LIFParams) -> Tensor:
    """Return the PSC ``[T, ...]`` that `current` evokes; see `simulate`."""
    return simulate(current, lif).psc


def backward(grad_psc: Tensor, current: Tensor, lif: LIFParams, tssl: TSSLParams) -> Tensor:
    """Return dL/dI as TSSL-BP defines it.

    Parameters
    ----------
    grad_psc : Tensor
        dL/da, ``[T, ...]``.
    current : Tensor
        The input of the forward pass, ``[T, ...]``; the membrane potential is computed again from it.
    lif, tssl : LIFParams, TSSLParams
        Neuron parameters and gradient variant.

    Returns
    -------
    Tensor
        Shaped and typed like `current`.
    """
    trace = simulate(current, lif)
    leak = 1 - 1 / lif.tau_m
    decay = 1 - 1 / lif.tau_s
    # 1/0 is infinite and clamps; an infinity where there is no spike is masked before it can meet a zero.
    slope = (1 / trace.delta_u).clamp(tssl.inverse_min, tssl.inverse_max)
    slope = torch.where(trace.spike > 0, slope, torch.zeros_like(slope))

    error = torch.zeros_like(current[0])
    theta = torch.zeros_like(current[0])
    error_through_psc, timing = torch.empty_like(current), torch.empty_like(current)
    for t in reversed(range(current.shape[0])):
        silent = 1 - trace.spike[t]
        error = grad_psc[t] + decay * error
        error_through_psc[t] = error / lif.tau_s
        timing[t] = slope[t] * error_through_psc[t]
        if tssl.intra_neuron:
            timing[t] += theta * (trace.u[t] / lif.tau_m) * slope[t] + theta * leak * silent
            theta = timing[t] * trace.spike[t] + theta * silent * leak

    surrogate = error_through_psc * surrogate_derivative(trace.u, lif, tssl.surrogate_width)
    return torch.where(surrogate_mask(trace, lif, tssl), surrogate, timing)
