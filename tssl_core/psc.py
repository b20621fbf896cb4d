"""The synapse: spike trains to postsynaptic currents (PSC), and back."""

import torch
from torch import Tensor

from tssl_core.errors import ParameterError

SPIKE_DECISION = 0.5
"""An inverted PSC is 0 or 1 up to rounding; halfway between tells them apart."""


def psc_filter(signal: Tensor, tau_s: float) -> Tensor:
    """Filter a signal with the PSC kernel: ``a[t] = a[t-1] + (x[t] - a[t-1]) / tau_s``.

    Parameters
    ----------
    signal : Tensor
        Spike train or current, ``[T, ...]``, floating point.
    tau_s : float
        Synaptic time constant in time steps, at least 1.

    Returns
    -------
    Tensor
        Shaped like `signal`; differentiable.

    Notes
    -----
    Zhang & Li 2020; the gain 1 / tau_s makes the kernel sum to 1.
    """
    if tau_s < 1:
        raise ParameterError(f"tau_s is {tau_s}; expected a time constant of at least 1 time step")
    state = torch.zeros_like(signal[0])
    filtered = []
    for step in signal:
        state = state + (step - state) / tau_s
        filtered.append(state)
    return torch.stack(filtered)


def constant_input_gain(
    time_steps: int, tau_s: float, *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """PSC ``c[t]`` of a constant input of 1, so that an image x repeated over time filters to ``x c[t]``.

    Parameters
    ----------
    time_steps : int
        T.
    tau_s : float
        Synaptic time constant in time steps.
    dtype, device : optional
        Of the result.

    Returns
    -------
    Tensor
        ``[T]``, rising from 1 / tau_s towards 1.
    """
    return psc_filter(torch.ones(time_steps, dtype=dtype, device=device), tau_s)


def spikes_from_psc(psc: Tensor, tau_s: float) -> Tensor:
    """Recover the spike train from its PSC by inverting `psc_filter`.

    Parameters
    ----------
    psc : Tensor
        PSC of spikes of height 1, ``[T, ...]``.
    tau_s : float
        The time constant that the PSC was filtered with.

    Returns
    -------
    Tensor
        Boolean, shaped like `psc`: True where the neuron spiked.
    """
    return unfiltered(psc, tau_s) > SPIKE_DECISION


def psc_from_spikes_matrix(time_steps: int, tau_s: float, *, like: Tensor) -> Tensor:
    """`psc_filter` as a matrix ``[T, T]``: of many short signals, their product with it is sooner there than T steps.

    Parameters
    ----------
    time_steps : int
        T.
    tau_s : float
        Synaptic time constant in time steps.
    like : Tensor
        Gives the type and device of the result.
    """
    return psc_filter(torch.eye(time_steps, dtype=like.dtype, device=like.device), tau_s)


def unfiltered(psc: Tensor, tau_s: float) -> Tensor:
    """Undo `psc_filter`: ``s[t] = a[t-1] + tau_s (a[t] - a[t-1])``; linear, and differentiable."""
    before = torch.cat([torch.zeros_like(psc[:1]), psc[:-1]])
    return (psc - before) * tau_s + before
