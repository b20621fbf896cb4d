"""Desired spike trains for classification: the true class fires a pattern, the others stay silent."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tssl_core.errors import ParameterError
from tssl_core.psc import psc_filter

SHORT_WINDOW_PATTERN = "01111"
"""Authors' train for 5 time steps since October 2020; the paper's own is 01011."""

LONG_WINDOW_PATTERN = "01"
"""Authors' train for 10 time steps and more, repeated."""

LONG_WINDOW = 10


def target_spike_train(time_steps: int, pattern: str | None = None) -> Tensor:
    """Desired spike train of the true class.

    Parameters
    ----------
    time_steps : int
        T >= 1. The pattern is repeated and cut to this length; the authors' code takes only multiples of
        the pattern's.
    pattern : str, optional
        Zeros and ones, such as ``"01011"``. By default the authors' last choice: ``01111`` under 10 time
        steps, ``01`` repeated from 10 on.

    Returns
    -------
    Tensor
        ``[T]`` of 0.0 and 1.0, float32. A pattern that is cut before its first spike (T = 1) gets one in
        the last step, as a silent target could not be told from a wrong class.

    Raises
    ------
    ParameterError
        If T < 1, or the pattern is not made of zeros and ones with at least one 1.
    """
    if time_steps < 1:
        raise ParameterError(f"time_steps is {time_steps}; expected at least 1")
    if pattern is None:
        pattern = SHORT_WINDOW_PATTERN if time_steps < LONG_WINDOW else LONG_WINDOW_PATTERN
    if not pattern or set(pattern) - {"0", "1"} or "1" not in pattern:
        raise ParameterError(f"target pattern is {pattern!r}; expected zeros and ones with at least one 1")
    train = torch.tensor([float(pattern[t % len(pattern)]) for t in range(time_steps)])
    if not train.any():
        train[-1] = 1.0
    return train


def target_psc(labels: Tensor, classes: int, train: Tensor, *, tau_s: float, filter_passes: int = 2) -> Tensor:
    """Desired PSC of every output neuron.

    Parameters
    ----------
    labels : Tensor
        True classes, ``[B]``, int64.
    classes : int
        Number of output neurons.
    train : Tensor
        Desired spike train of the true class, ``[T]``.
    tau_s : float
        Synaptic time constant in time steps.
    filter_passes : {1, 2}
        How often the train goes through the PSC filter: once in the paper, twice in the authors' code
        since 29 October 2020.

    Returns
    -------
    Tensor
        ``[T, B, classes]``; 0 for the wrong classes.
    """
    desired = filtered_train(train, tau_s=tau_s, filter_passes=filter_passes)
    return of_true_class(desired.to(labels.device), labels, classes)


def filtered_train(train: Tensor, *, tau_s: float, filter_passes: int = 2) -> Tensor:
    """Desired PSC of the true class, ``[T]``; arguments as for `target_psc`."""
    if filter_passes not in (1, 2):
        raise ParameterError(f"filter_passes is {filter_passes}; expected 1 (paper) or 2 (authors' code)")
    for _ in range(filter_passes):
        train = psc_filter(train, tau_s)
    return train


def of_true_class(signal: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Give a signal ``[T]`` to the true class of each sample, ``[B]``, and 0 to the others: ``[T, B, classes]``."""
    return signal[:, None, None] * F.one_hot(labels, classes).to(signal.dtype)
