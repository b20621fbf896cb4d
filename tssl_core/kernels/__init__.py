"""The backends of the neuron operation, and the table that resolves ``backend=``."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tssl_core import reference
from tssl_core.errors import BackendUnavailableError
from tssl_core.params import LIFParams, TSSLParams


class Backend(NamedTuple):
    """One implementation of the neuron operation."""

    name: str
    forward: Callable[[Tensor, LIFParams], Tensor]
    backward: Callable[[Tensor, Tensor, LIFParams, TSSLParams], Tensor]
    unavailable: Callable[[torch.device], str | None]
    """Why the backend cannot run on a device, or None if it can."""


def _always_available(_device: torch.device) -> str | None:
    return None


BACKENDS = (Backend("reference", reference.forward, reference.backward, _always_available),)
"""Fastest first; ``auto`` takes the first that can run."""


def available(device: torch.device | str = "cpu") -> dict[str, str | None]:
    """Map each backend's name to the reason why it cannot run on `device`, None if it can."""
    return {backend.name: backend.unavailable(torch.device(device)) for backend in BACKENDS}


def resolve(name: str, device: torch.device | str = "cpu") -> Backend:
    """Return the backend called `name`, or for ``"auto"`` the fastest that can run on `device`.

    Raises
    ------
    BackendUnavailableError
        If `name` is unknown, or that backend cannot run on `device`; nothing falls back silently.
    """
    reasons = available(device)
    for backend in BACKENDS:
        if name in ("auto", backend.name):
            reason = reasons[backend.name]
            if reason is None:
                return backend
            if name != "auto":
                raise BackendUnavailableError(f"backend {name!r} cannot run on {device}: {reason}")
    known = ", ".join(["auto", *reasons])
    raise BackendUnavailableError(f"unknown backend {name!r}; expected one of {known}")
