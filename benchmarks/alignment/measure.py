"""Settings of TSSL-BP's gradient beside the gradient of the smoothed loss: cosine and share of equal signs."""

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from benchmarks.alignment.smoothed import Problem, smoothed_gradient
from tssl_core import TSSLParams, spike_train_loss, unfiltered
from tssl_core.params import SurrogateGate
from tssl_core.reference import Trace, backward, surrogate_mask

GATES: tuple[SurrogateGate, ...] = ("neuron", "layer", "never")

SETTINGS = (
    TSSLParams(gate="always"),
    *(
        TSSLParams(gate=gate, inverse_max=inverse_max, intra_neuron=intra_neuron)
        for gate, inverse_max, intra_neuron in product(GATES, (8.0, 1.25), (True, False))
    ),
)
"""Those of the study ``sequences_factors``, and the timing term alone (``never``)."""


def gradient_of(problem: Problem, tssl: TSSLParams) -> list[Tensor]:
    """Return what TSSL-BP takes for the gradient in the current of every neuron and step.

    Parameters
    ----------
    problem : Problem
        Network, inputs and targets.
    tssl : TSSLParams
        Setting, of all layers.

    Returns
    -------
    list of Tensor
        Of each layer, ``[T, B, neurons]``.
    """
    layers = [(current.squeeze(1), trace) for current, trace in _without_noise(problem)]
    output = layers[-1][1].psc.squeeze(1).requires_grad_()
    spikes = unfiltered(output, problem.lif.tau_s)
    (error,) = torch.autograd.grad(spike_train_loss(spikes, problem.target, tau_s=problem.tau), output)
    found = []
    for (current, _), weight in zip(reversed(layers), reversed(problem.weights), strict=True):
        found.append(backward(error, current, problem.lif, tssl))
        error = found[-1] @ weight
    return found[::-1]


def alignment(problem: Problem, *, sigma: float, pairs: int, seed: int) -> Iterator[tuple[object, ...]]:
    """Compare every setting with the gradient of the smoothed loss, layer by layer and place by place.

    Parameters
    ----------
    problem : Problem
        Network, inputs and targets.
    sigma, pairs, seed
        See `smoothed_gradient`; half of the pairs are drawn with each of two seeds.

    Yields
    ------
    tuple
        Values of `benchmarks.alignment.columns.COMPARED`. ``place`` is ``spike``, ``after a spike`` (none in this step,
        but in one of the last few: where the gate of the authors' last version shuts the surrogate out), ``silent``, or
        ``all``. ``entries`` are those where the setting has a gradient other than 0; ``signs`` is the share of them
        with the estimate's sign. What is said of halves is how far two estimates of half of the pairs each agree. NaN
        where there is nothing to compare.
    """
    halves = [smoothed_gradient(problem, sigma=sigma, pairs=pairs // 2, seed=2 * seed + half) for half in (0, 1)]
    traces = [trace for _, trace in _without_noise(problem)]
    gradients = [gradient_of(problem, tssl) for tssl in SETTINGS]
    for number, trace in enumerate(traces):
        name = "output" if number == len(traces) - 1 else f"layer{number + 1}"
        first, second = (half[number] for half in halves)
        for place, mask in _places(trace, problem).items():
            of_halves = _agreement(first[mask], second[mask])
            for tssl, gradient in zip(SETTINGS, gradients, strict=True):
                ours = gradient[number][mask]
                agreement = _agreement(ours, (first + second)[mask])
                setting = tssl.gate, tssl.inverse_max, tssl.intra_neuron
                yield name, place, *setting, int(ours.count_nonzero()), *agreement, *of_halves


def _without_noise(problem: Problem) -> list[tuple[Tensor, Trace]]:
    return problem.currents_and_traces([0.0] * len(problem.weights))


def _places(trace: Trace, problem: Problem) -> dict[str, Tensor]:
    spike = trace.spike.squeeze(1) > 0
    silent = surrogate_mask(trace, problem.lif, TSSLParams(gate="neuron")).squeeze(1)
    return {
        "all": torch.ones_like(spike),
        "spike": spike,
        "after a spike": ~spike & ~silent,
        "silent": silent,
    }


def _agreement(ours: Tensor, estimate: Tensor) -> Sequence[float]:
    """Cosine of two vectors, and the share of the entries of the first other than 0 that have the second's sign."""
    there = ours != 0
    if not there.any():
        return float("nan"), float("nan")
    signs = (ours[there] * estimate[there] > 0).double().mean()
    return round(float(cosine_similarity(ours, estimate, dim=0)), 4), round(float(signs), 4)
