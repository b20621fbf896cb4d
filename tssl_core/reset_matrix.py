"""The intra-neuron term of September 2020 (authors' code, commit 6e40449), rewritten in O(T).

That version lets a spike at t change, by its reset, the membrane potential of the same neuron at its next spike n(t)
by ``r[t] = (u[t] / tau_m) (1 - 1/tau_m)^(n(t) - 1 - t)``, forms the T x T matrix R of these (row t, column n(t)), and
replaces the matrix E of epsilon by ``E + E R`` in both branches of the gradient, timing and surrogate. As
``(E + E R) g = E (g + R g)``, this is the gradient without an intra-neuron term of an error ``g + R g``::

    (R g)[t] = s[t] (u[t] / tau_m) carry              error that the next spike's PSC gets, without its later effect
    carry    = g[t] at spikes, else carry (1 - 1/tau_m)

It differs from the term of the last version (`tssl_core.reference`), which goes through the slope of the next spike,
reaches on from spike to spike, and leaks into steps without a spike.
"""

import functools

import torch
from torch import Tensor

from tssl_core import reference
from tssl_core.kernels import SPIKING_PSC
from tssl_core.kernels.scan import Scan, reference_backend
from tssl_core.layers import TSSLNeuron
from tssl_core.params import LIFParams, TSSLParams


def reset_error(grad_psc: Tensor, current: Tensor, lif: LIFParams) -> Tensor:
    """Return R g, what resets add to the error of the PSC.

    Parameters
    ----------
    grad_psc : Tensor
        g = dL/da, ``[T, ...]``.
    current : Tensor
        Input of the neurons, ``[T, ...]``.
    lif : LIFParams
        Neuron parameters.

    Returns
    -------
    Tensor
        Shaped and typed like `grad_psc`.
    """
    trace = reference.simulate(current, lif)
    leak = 1 - 1 / lif.tau_m
    carry = torch.zeros_like(grad_psc[0])
    added = torch.empty_like(grad_psc)
    for t in reversed(range(grad_psc.shape[0])):
        added[t] = trace.spike[t] * (trace.u[t] / lif.tau_m) * carry
        carry = torch.where(trace.spike[t] > 0, grad_psc[t], leak * carry)
    return added


def backward(grad_psc: Tensor, current: Tensor, lif: LIFParams, tssl: TSSLParams) -> Tensor:
    """Return dL/dI as the version of September 2020 defines it; `tssl` has to have the other intra-neuron term off."""
    return reference.backward(grad_psc + reset_error(grad_psc, current, lif), current, lif, tssl)


RESET_MATRIX_PSC = Scan(
    "reset_matrix_psc",
    (LIFParams, TSSLParams),
    (
        *(
            backend._replace(backward=functools.partial(backend.backward, reset_matrix=True))
            for backend in SPIKING_PSC.backends
            if backend.backward is not None and backend.fuses
        ),
        reference_backend(lambda current, lif, _tssl: reference.forward(current, lif), backward),
    ),
)
"""``RESET_MATRIX_PSC(current, lif, tssl, backend=...)``: the neuron of `tssl_core.spiking_psc` with this gradient."""


class ResetMatrixNeuron(TSSLNeuron):
    """LIF neurons with the intra-neuron term of September 2020; its `tssl` has to have the other one off."""

    scan = RESET_MATRIX_PSC
