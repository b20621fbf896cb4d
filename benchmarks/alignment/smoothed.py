"""The gradient of a smoothed loss: what noise on all currents does to the expected loss, without any derivative.

The loss of spike trains is piecewise constant in the currents, so that its gradient is of no use. Its mean over
Gaussian noise z on the currents I of all neurons has one, whatever the network (Stein's identity)::

    d E[L(I + sigma z)] / dI = E[z (L(I + sigma z) - L(I - sigma z))] / (2 sigma)

Two facts spare variance and bias nothing: the noise of a step moves no loss before it, and that of an output neuron no
other output.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tssl_core import LIFParams, psc_filter
from tssl_core.reference import Trace, simulate

PAIRS_AT_ONCE = 100
"""Antithetic pairs that are run side by side: few enough to stay in the cache of a processor."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A fully connected network and what its outputs are to be; all in float64.

    Parameters
    ----------
    weights : sequence of Tensor
        Of each layer, the output last, ``[neurons, inputs]``.
    inputs, target : Tensor
        Spike trains, ``[T, B, inputs]`` and ``[T, B, outputs]``.
    lif : LIFParams
        Of all neurons.
    tau : float
        Time constant of the loss, in time steps.
    """

    weights: Sequence[Tensor]
    inputs: Tensor
    target: Tensor
    lif: LIFParams
    tau: float

    def currents_and_traces(self, noise: Sequence[Tensor | float]) -> list[tuple[Tensor, Trace]]:
        """Run the network P times side by side, with noise on the currents.

        Parameters
        ----------
        noise : sequence
            Of each layer, ``[T, P, B, neurons]``; or 0, with which P is 1.

        Returns
        -------
        list of (Tensor, Trace)
            Of each layer, ``[T, P, B, neurons]``.
        """
        layers = []
        psc = psc_filter(self.inputs, self.lif.tau_s).unsqueeze(1)
        for weight, of_layer in zip(self.weights, noise, strict=True):
            current = psc @ weight.T + of_layer
            trace = simulate(current, self.lif)
            layers.append((current, trace))
            psc = trace.psc
        return layers

    def losses(self, spike: Tensor) -> Tensor:
        """Van Rossum loss of each step and output ``[T, P, B, outputs]``: half the squared difference of the PSCs."""
        return psc_filter(spike - self.target.unsqueeze(1), self.tau).square() / 2


@torch.no_grad()
def smoothed_gradient(problem: Problem, *, sigma: float, pairs: int, seed: int) -> list[Tensor]:
    """Estimate the gradient of the expected loss in the current of every neuron and step.

    Parameters
    ----------
    problem : Problem
        Network, inputs and targets.
    sigma : float
        Standard deviation of the noise, in thresholds; independent for each neuron and step.
    pairs : int
        Antithetic pairs of draws, a multiple of `PAIRS_AT_ONCE`.
    seed : int
        Of the draws.

    Returns
    -------
    list of Tensor
        Of each layer ``[T, B, neurons]``; unbiased.

    Raises
    ------
    ValueError
        If `pairs` cannot be drawn so.
    """
    if pairs < PAIRS_AT_ONCE or pairs % PAIRS_AT_ONCE:
        raise ValueError(f"pairs is {pairs}; expected a multiple of {PAIRS_AT_ONCE}")
    draw = torch.Generator().manual_seed(seed)
    steps, batch, _ = problem.inputs.shape
    shapes = [(steps, PAIRS_AT_ONCE, batch, len(weight)) for weight in problem.weights]
    sums = [torch.zeros(steps, batch, len(weight), dtype=weight.dtype) for weight in problem.weights]
    for _ in range(pairs // PAIRS_AT_ONCE):
        z = [torch.randn(shape, generator=draw, dtype=problem.inputs.dtype) for shape in shapes]
        up, down = (
            problem.losses(problem.currents_and_traces([sign * sigma * of_layer for of_layer in z])[-1][1].spike)
            for sign in (1, -1)
        )
        from_here_on = (up - down).flip(0).cumsum(0).flip(0)
        in_all = from_here_on.sum(-1, keepdim=True)
        for number, (total, of_layer) in enumerate(zip(sums, z, strict=True)):
            is_output = number == len(sums) - 1
            total += (of_layer * (from_here_on if is_output else in_all)).sum(1)
    return [total / (2 * sigma * pairs) for total in sums]
