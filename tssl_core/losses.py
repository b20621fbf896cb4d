"""Losses on the PSC of the output layer; sums over batch, classes and time, as in the authors' code."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tssl_core.errors import ParameterError
from tssl_core.psc import psc_from_spikes_matrix


def van_rossum_loss(psc: Tensor, target: Tensor) -> Tensor:
    """Half the squared distance between actual and desired PSC, ``1/2 sum (a - a*)^2``.

    Parameters
    ----------
    psc, target : Tensor
        Actual and desired PSC of the output layer, ``[T, B, classes]``.

    Returns
    -------
    Tensor
        Scalar.

    Notes
    -----
    The van Rossum distance of Zhang & Li 2020, with the PSC kernel; the kernel loss of the authors' code.
    """
    if psc.shape != target.shape:
        raise ParameterError(f"target has shape {tuple(target.shape)}; expected that of psc, {tuple(psc.shape)}")
    return 0.5 * (psc - target).square().sum()


def spike_train_loss(spikes: Tensor, target: Tensor, *, tau_s: float, filter_passes: int = 1) -> Tensor:
    """Van Rossum loss of spike trains: `van_rossum_loss` of what the PSC filter makes of both.

    Parameters
    ----------
    spikes, target : Tensor
        Actual and desired spike trains, ``[T, B, neurons]``, 0 or 1.
    tau_s : float
        Time constant of the filter in time steps; how far off in time a spike may be and still count as near.
    filter_passes : {1, 2}
        How often the target goes through the filter, see `tssl_core.targets.target_psc`.

    Returns
    -------
    Tensor
        Scalar, summed over time, batch and neurons. With one pass it is 0 only where the trains are equal; with two
        the target is no filtered spike train, and no output has a loss of 0.
    """
    if spikes.shape != target.shape:
        raise ParameterError(f"target has shape {tuple(target.shape)}; expected that of spikes, {tuple(spikes.shape)}")
    if filter_passes not in (1, 2):
        raise ParameterError(f"filter_passes is {filter_passes}; expected 1 (paper) or 2 (authors' code)")
    kernel = psc_from_spikes_matrix(len(spikes), tau_s, like=spikes)
    desired = target.flatten(1)
    if filter_passes > 1:
        desired = kernel @ desired
    return 0.5 * (kernel @ (spikes.flatten(1) - desired)).square().sum()


def spike_count_loss(psc: Tensor, labels: Tensor, *, desired: float, undesired: float) -> Tensor:
    """Squared distance between summed PSC and a desired count, with a hinge.

    A true class at or above `desired`, or a wrong class at or below `undesired`, costs nothing.

    Parameters
    ----------
    psc : Tensor
        PSC of the output layer, ``[T, B, classes]``.
    labels : Tensor
        True classes, ``[B]``, int64.
    desired, undesired : float
        Summed PSC wanted from the true class and from the others.

    Returns
    -------
    Tensor
        Scalar, ``T/2 sum_c ((sum_t a_c - target_c) / T)^2``: its gradient is the same in each time step.

    Notes
    -----
    The count loss of the authors' code, after SLAYER's spike-count loss.
    """
    time_steps = psc.shape[0]
    count = psc.sum(0)
    is_true = F.one_hot(labels, psc.shape[-1]).bool()
    target = torch.where(is_true, desired, undesired).to(count.dtype)
    satisfied = torch.where(is_true, count >= desired, count <= undesired)
    difference = ((count - target) / time_steps).masked_fill(satisfied, 0.0)
    return 0.5 * time_steps * difference.square().sum()


def softmax_loss(psc: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of a softmax over the summed PSC, summed over the batch.

    Parameters
    ----------
    psc : Tensor
        PSC of the output layer, ``[T, B, classes]``.
    labels : Tensor
        True classes, ``[B]``, int64.

    Returns
    -------
    Tensor
        Scalar.
    """
    return F.cross_entropy(psc.sum(0), labels, reduction="sum")
