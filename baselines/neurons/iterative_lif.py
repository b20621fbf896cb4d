"""The iterative LIF neuron in plain PyTorch: the specification that the fused kernels are held to.

Forward, for t = 0 ... T-1 with r = 0 before the first step (Wu et al. 2018 and their public code)::

    u[t] = decay r[t-1] + I[t]                        membrane potential
    s[t] = 1 where u[t] > threshold else 0            spike
    r[t] = u[t] (1 - s[t])                            what the reset leaves: reset to zero
         = u[t] - threshold s[t]                      or by subtraction

Backward, for t = T-1 ... 0, given g = dL/ds, with the surrogate h in place of ds/du::

    dL/dI[t] = dL/du[t] = g[t] h(u[t]) + decay k[t] dL/du[t+1]
    k[t] = dr/du = 1 - s[t] - u[t] h(u[t])            reset to zero
                 = 1 - threshold h(u[t])              reset by subtraction

where the terms with h leave k if the reset is detached. This is what automatic differentiation of the unrolled
forward pass gives once h stands in for the derivative of the spike.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from baselines.neurons import fused
from baselines.search import Range, Space
from tssl_core.errors import ParameterError
from tssl_core.kernels.fusion import NOTHING, Fusion
from tssl_core.kernels.scan import Scan, reference_backend
from tssl_core.layers import SpikingLayer

Surrogate = Literal["rectangular", "sigmoid"]
Reset = Literal["zero", "subtract"]

SEARCH_SPACE: Space = {
    "threshold": Range(0.15, 3),
    "decay": Range(0.1, 1, log=False),
    "surrogate_width": Range(0.1, 3),
}
"""Where methods with these neurons are searched."""


@dataclass(frozen=True, kw_only=True)
class IterativeLIFParams:
    """Iterative LIF neuron and its surrogate gradient; the defaults are those of `stbp`.

    Parameters
    ----------
    threshold : float
        Firing threshold; a neuron spikes where its membrane potential is strictly above it. Only its ratio to the
        weights matters to the spikes: half the threshold is twice the initial weights.
    decay : float
        Factor of the membrane potential from one time step to the next, in [0, 1].
    surrogate : {"rectangular", "sigmoid"}
        Derivative of the spike in the membrane potential u: a constant where ``|u - threshold| < surrogate_width``,
        or the derivative of a logistic function of ``(u - threshold) / surrogate_width``.
    surrogate_width : float
        Half the width of the rectangle, ``lens`` in the public code of Wu et al.; or the width of the logistic
        function, the inverse of what libraries call its slope or alpha.
    normalised : bool
        Whether the surrogate's integral is 1, so that its peak is ``1 / (2 surrogate_width)`` for the rectangle (the
        paper) and ``1 / (4 surrogate_width)`` for the logistic function (usual in libraries). Without, the peak is
        1; the public code of Wu et al. leaves the factor out of its rectangle, which matters unless ``lens`` is 0.5.
    reset : {"zero", "subtract"}
        What a spike does to the membrane potential: sets it to zero, or takes the threshold from it.
    detach_reset : bool
        Whether the gradient leaves out that the spikes depend on the membrane potential which they reset.
    """

    threshold: float = 0.5
    decay: float = 0.7
    surrogate: Surrogate = "rectangular"
    surrogate_width: float = 0.5
    normalised: bool = True
    reset: Reset = "zero"
    detach_reset: bool = False

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        checks = (
            ("threshold", self.threshold > 0, "a positive threshold"),
            ("decay", 0 <= self.decay <= 1, "a factor between 0 and 1"),
            ("surrogate", self.surrogate in get_args(Surrogate), "one of " + ", ".join(get_args(Surrogate))),
            ("surrogate_width", self.surrogate_width > 0, "a positive width"),
            ("reset", self.reset in get_args(Reset), "one of " + ", ".join(get_args(Reset))),
        )
        for name, holds, expected in checks:
            if not holds:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; expected {expected}")


class Trace(NamedTuple):
    """Membrane potentials before the reset, and spikes; each of shape ``[T, ...]``."""

    u: Tensor
    spike: Tensor


def simulate(current: Tensor, params: IterativeLIFParams) -> Trace:
    """Run the neurons from rest.

    Parameters
    ----------
    current : Tensor
        Input current, ``[T, ...]``, floating point; every element past the first axis is one neuron.
    params : IterativeLIFParams
        Neuron parameters.

    Returns
    -------
    Trace
        Shaped and typed like `current`.
    """
    u, spike = torch.empty_like(current), torch.empty_like(current)
    rest = torch.zeros_like(current[0])
    for t in range(current.shape[0]):
        u[t] = params.decay * rest + current[t]
        spike[t] = (u[t] > params.threshold).to(current.dtype)
        rest = u[t] * (1 - spike[t]) if params.reset == "zero" else u[t] - params.threshold * spike[t]
    return Trace(u, spike)


def surrogate_derivative(u: Tensor, params: IterativeLIFParams) -> Tensor:
    """Surrogate of the derivative of the spike at membrane potentials `u` of any shape; shaped like `u`."""
    distance = u - params.threshold
    if params.surrogate == "rectangular":
        shape, integral = (distance.abs() < params.surrogate_width).to(u.dtype), 2 * params.surrogate_width
    else:
        sigma = torch.sigmoid(distance / params.surrogate_width)
        shape, integral = 4 * sigma * (1 - sigma), 4 * params.surrogate_width
    return shape / integral if params.normalised else shape


def forward(current: Tensor, params: IterativeLIFParams) -> Tensor:
    """Return the spikes ``[T, ...]``, 0 or 1, that `current` evokes; see `simulate`."""
    return simulate(current, params).spike


def backward(grad_spike: Tensor, current: Tensor, params: IterativeLIFParams) -> Tensor:
    """Return dL/dI by backpropagation through time.

    Parameters
    ----------
    grad_spike : Tensor
        dL/ds, ``[T, ...]``.
    current : Tensor
        The input of the forward pass, ``[T, ...]``; the membrane potential is computed again from it.
    params : IterativeLIFParams
        Neuron parameters.

    Returns
    -------
    Tensor
        Shaped and typed like `current`.
    """
    u, spike = simulate(current, params)
    slope = surrogate_derivative(u, params)
    through_spike = 0.0 if params.detach_reset else slope
    if params.reset == "zero":
        kept = 1 - spike - u * through_spike
    else:
        kept = torch.ones_like(u) - params.threshold * through_spike

    grad_current = torch.empty_like(current)
    later = torch.zeros_like(current[0])
    for t in reversed(range(current.shape[0])):
        later = grad_spike[t] * slope[t] + params.decay * kept[t] * later
        grad_current[t] = later
    return grad_current


def numbers(params: IterativeLIFParams) -> tuple[float, ...]:
    """Return what the fused kernels take for parameters."""
    integral = 2 * params.surrogate_width if params.surrogate == "rectangular" else 4 * params.surrogate_width
    return (
        params.threshold,
        params.decay,
        params.surrogate_width,
        1 / integral if params.normalised else 1.0,
        params.surrogate == "sigmoid",
        params.reset == "subtract",
        params.detach_reset,
    )


ITERATIVE_LIF = Scan(
    "iterative_lif",
    (IterativeLIFParams,),
    (
        *fused.backends("iterative_lif", numbers),
        reference_backend(forward, backward),
    ),
)
"""``ITERATIVE_LIF(current, params, backend=...)``: the spikes, differentiable."""


class IterativeLIF(SpikingLayer):
    """A layer of iterative LIF neurons; its output is their spikes.

    Parameters
    ----------
    params : IterativeLIFParams
        Neuron parameters.
    backend : str
        ``"auto"``, or the name of a backend of `ITERATIVE_LIF`.
    """

    fuses = True

    def __init__(self, params: IterativeLIFParams, *, backend: str = "auto") -> None:
        super().__init__()
        self.params, self.backend = params, backend

    def forward(self, current: Tensor, fusion: Fusion = NOTHING) -> Tensor:
        """Return the spikes ``[T, B, ...]`` of an input current of that shape."""
        return ITERATIVE_LIF(current, self.params, backend=self.backend, fusion=fusion)

    def spikes(self, output: Tensor) -> Tensor:
        """Return the output: it is the spikes."""
        return output
