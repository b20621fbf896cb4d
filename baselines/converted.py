"""The trained ReLU network, run as a spiking one: conversion with data-based normalisation.

Diehl et al. 2015 normalise each layer by its largest activation on the training set, Rueckauer et al. 2017 by a
high percentile, and reset by subtraction; Kim et al. 2020 (Spiking-YOLO) normalise each channel by itself, so that
those with small activations spike, too; Bu et al. 2022 (AAAI) start from half the threshold, so that rates are rounded
to the nearest step and not down. Here the weights stay those of the ReLU network: a threshold and the height of its
spikes are the percentile, which gives the same spikes as rescaled weights.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.ann import ANNParameters
from baselines.conversion import ConvertibleModel
from baselines.method import Method, NetworkSpec
from baselines.neurons.integrate_and_fire import INTEGRATE_AND_FIRE, IFParams, IntegrateAndFire
from baselines.search import Range, Space
from tssl_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class ConvertedParameters(ANNParameters):
    """Those of the ReLU network, and how it is converted.

    Parameters
    ----------
    normalisation : {"channel", "layer"}
        What has a threshold of its own: each channel of a convolution and each neuron of a fully connected layer, or
        each layer.
    percentile : float
        Of the non-zero activations on training samples of what has one threshold; it becomes that threshold. 100 is
        Diehl's largest activation. The published toolbox (snn_toolbox) leaves the zeros out.
    initial_potential : float
        Membrane potential before the first step, as a fraction of the threshold. 0.5 rounds the rates to the
        nearest step instead of down, which halves the largest error.
    """

    normalisation: Literal["channel", "layer"] = "channel"
    percentile: float = 99.9
    initial_potential: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that would only fail in the middle of a run."""
        super().__post_init__()
        if not 0 < self.percentile <= 100:
            raise ParameterError(f"percentile is {self.percentile}; expected a number above 0, at most 100")
        IFParams(initial_potential=self.initial_potential)


class ConvertedNeuron(IntegrateAndFire):
    """ReLU in training mode; integrate-and-fire neurons in evaluation mode, once `normalise` has set thresholds.

    Parameters
    ----------
    parameters : ConvertedParameters
        How thresholds are found, and where potentials start.
    backend : str
        See `IntegrateAndFire`.

    Attributes
    ----------
    thresholds : Tensor
        One for the layer, ``[1]``, or one a channel, ``[C]``, float64; empty before `normalise`.
    """

    def __init__(self, parameters: ConvertedParameters, backend: str) -> None:
        super().__init__(IFParams(initial_potential=parameters.initial_potential), backend=backend)
        self.by_channel, self.percentile = parameters.normalisation == "channel", parameters.percentile
        self.thresholds = torch.empty(0, dtype=torch.float64)

    def forward(self, current: Tensor) -> Tensor:
        """Return activations or spikes times threshold, ``[T, B, ...]``."""
        if self.training:
            return F.relu(current)
        if not self.thresholds.numel():
            raise RuntimeError("a converted layer has no threshold yet; call the model's calibrate with images first")
        if not self.by_channel:
            return super().forward(current)
        # In units of their thresholds, all neurons have the same one.
        thresholds = self.thresholds.to(current).view(-1, *[1] * (current.dim() - 3))
        return super().forward(current / thresholds).mul_(thresholds)

    def get_extra_state(self) -> Tensor:
        """Return the thresholds, which belong to the trained network."""
        return self.thresholds

    def set_extra_state(self, state: Tensor) -> None:
        """Take the thresholds back."""
        self.thresholds = state.double()
        if state.numel() and not self.by_channel:
            self.params = replace(self.params, threshold=float(state))

    def in_rows(self, activations: Tensor) -> Tensor:
        """Put those of activations ``[1, B, C, ...]`` that share a threshold into a row, ``[1, ...]`` or ``[C, ...]``.

        The first without those that are 0, which take half of the memory and do not count.
        """
        if not self.by_channel:
            return activations[activations > 0].unsqueeze(0)
        return activations.flatten(0, 1).transpose(0, 1).flatten(1)

    def normalise(self, activations: Tensor) -> None:
        """Take the thresholds from ReLU activations, see `in_rows`."""
        self.set_extra_state(percentile_of_positive(activations, self.percentile))


class ConvertedModel(ConvertibleModel):
    """The ReLU network in training mode, its spiking twin with the same weights in evaluation mode."""

    def __init__(self, spec: NetworkSpec, parameters: ConvertedParameters, backend: str) -> None:
        super().__init__(spec, parameters, neuron=lambda: ConvertedNeuron(parameters, backend))

    def python_state(self) -> Hashable:
        """The thresholds, which are set anew before each evaluation."""
        return tuple(tuple(neuron.thresholds.tolist()) for neuron in self._neurons())

    def _neurons(self) -> list[ConvertedNeuron]:
        return [module for module in self.modules() if isinstance(module, ConvertedNeuron)]

    @torch.no_grad()
    def calibrate(self, inputs: Iterable[Tensor]) -> None:
        """Set thresholds to the percentile of the ReLU activations on `inputs`.

        All activations are held at once, about the memory of evaluating as many samples in one or two steps.
        """
        neurons = self._neurons()
        seen: list[list[Tensor]] = [[] for _ in neurons]
        hooks = [
            neuron.register_forward_hook(lambda module, _inputs, output, rows=rows: rows.append(module.in_rows(output)))
            for neuron, rows in zip(neurons, seen, strict=True)
        ]
        try:
            for batch in inputs:
                self.unconverted(batch)
        finally:
            for hook in hooks:
                hook.remove()
        for neuron, rows in zip(neurons, seen, strict=True):
            neuron.normalise(torch.cat(rows, dim=1))


def percentile_of_positive(values: Tensor, percentile: float) -> Tensor:
    """Percentile of the values above 0 in each row, linear between neighbours.

    Parameters
    ----------
    values : Tensor
        ``[rows, N]``.
    percentile : float
        Above 0, at most 100.

    Returns
    -------
    Tensor
        ``[rows]``; 1 for rows without a value above 0, as nothing will spike there.
    """
    positive = (values > 0).sum(1).double()
    rank = percentile / 100 * (positive - 1).clamp(min=0)
    # Places of its neighbours from above. torch.quantile would take 2^24 values at most.
    below = (positive - 1 - rank.floor()).clamp(min=0).long().unsqueeze(1)
    if not positive.any():
        return values.new_ones(len(values))
    top = values.topk(int(below.max()) + 1, dim=1).values
    lower, upper = top.gather(1, below).squeeze(1), top.gather(1, (below - 1).clamp(min=0)).squeeze(1)
    return torch.lerp(lower, upper, rank.frac().to(values)).where(positive > 0, 1)


class Converted(Method):
    """Conversion of a trained ReLU network; its training is that of `ann` and knows nothing of T."""

    name = "converted"
    title = "Converted ANN"
    neurons = INTEGRATE_AND_FIRE
    Parameters = ConvertedParameters
    search_space: ClassVar[Space] = {
        "percentile": Range(95, 100, log=False),
        "initial_potential": Range(0, 0.9, log=False),
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "per-layer": {"normalisation": "layer", "initial_potential": 0.0}  # Rueckauer et al. 2017
    }
    before: ClassVar[Mapping[str, Any]] = {"normalisation": "layer"}

    def supports(self, spec: NetworkSpec, parameters: ConvertedParameters) -> str | None:
        """Static images only: a ReLU network has to be trained first."""
        del parameters
        return "the converted ReLU network needs constant images, not spike trains" if spec.events else None

    def build(self, spec: NetworkSpec, parameters: ConvertedParameters, *, backend: str = "auto") -> ConvertedModel:
        """Make a freshly initialised model."""
        return ConvertedModel(spec, parameters, backend)
