"""The trained ReLU network, run as a spiking one: conversion with data-based normalisation.

Diehl et al. 2015 normalise each layer by its largest activation on the training set, Rueckauer et al. 2017 by a
high percentile, and reset by subtraction. Here the weights stay those of the ReLU network: a layer's threshold and
the height of its spikes are the percentile, which gives the same spikes as rescaled weights.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.ann import ANNParameters
from baselines.conversion import ConvertibleModel
from baselines.method import Method, NetworkSpec
from baselines.neurons.integrate_and_fire import IFParams, IntegrateAndFire
from tssl_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class ConvertedParameters(ANNParameters):
    """Those of the ReLU network, and how it is converted; the defaults are Rueckauer's.

    Parameters
    ----------
    percentile : float
        Of the non-zero activations of a layer, all neurons and training samples together; it becomes the layer's
        threshold. 100 is Diehl's largest activation. The published toolbox (snn_toolbox) leaves the zeros out.
    initial_potential : float
        Membrane potential before the first step, as a fraction of the threshold. 0.5 rounds the rates to the
        nearest step instead of down, which halves the largest error.
    """

    percentile: float = 99.9
    initial_potential: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that would only fail in the middle of a run."""
        super().__post_init__()
        if not 0 < self.percentile <= 100:
            raise ParameterError(f"percentile is {self.percentile}; expected a number above 0, at most 100")
        IFParams(initial_potential=self.initial_potential)


class ConvertedNeuron(IntegrateAndFire):
    """ReLU in training mode; integrate-and-fire neurons in evaluation mode, once `normalise` has set a threshold."""

    def __init__(self, initial_potential: float, backend: str) -> None:
        super().__init__(IFParams(initial_potential=initial_potential), backend=backend)
        self.normalised = False

    def forward(self, current: Tensor) -> Tensor:
        """Return activations or spikes times threshold, ``[T, B, ...]``."""
        if self.training:
            return F.relu(current)
        if not self.normalised:
            raise RuntimeError("a converted layer has no threshold yet; call the model's calibrate with images first")
        return super().forward(current)

    def get_extra_state(self) -> Tensor:
        """Return the threshold, which belongs to the trained network; 0 if there is none yet."""
        return torch.tensor(self.params.threshold if self.normalised else 0.0, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the threshold back."""
        self.normalised = bool(state > 0)
        if self.normalised:
            self.params = replace(self.params, threshold=float(state))

    def normalise(self, activations: Tensor, percentile: float) -> None:
        """Take the threshold from ReLU activations of any shape."""
        self.params = replace(self.params, threshold=percentile_of_positive(activations, percentile))
        self.normalised = True


class ConvertedModel(ConvertibleModel):
    """The ReLU network in training mode, its spiking twin with the same weights in evaluation mode."""

    def __init__(self, spec: NetworkSpec, parameters: ConvertedParameters, backend: str) -> None:
        super().__init__(spec, parameters, neuron=lambda: ConvertedNeuron(parameters.initial_potential, backend))
        self.percentile = parameters.percentile

    def python_state(self) -> Hashable:
        """The thresholds, which are set anew before each evaluation."""
        return tuple(neuron.params for neuron in self._neurons())

    def _neurons(self) -> list[ConvertedNeuron]:
        return [module for module in self.modules() if isinstance(module, ConvertedNeuron)]

    @torch.no_grad()
    def calibrate(self, inputs: Iterable[Tensor]) -> None:
        """Set each layer's threshold to the percentile of its ReLU activations on `inputs`.

        All non-zero activations are held at once, about the memory of evaluating as many samples in one step.
        """
        neurons = self._neurons()
        seen: list[list[Tensor]] = [[] for _ in neurons]
        hooks = [
            neuron.register_forward_hook(lambda _module, _inputs, output, layer=layer: layer.append(output[output > 0]))
            for neuron, layer in zip(neurons, seen, strict=True)
        ]
        try:
            for batch in inputs:
                self.unconverted(batch)
        finally:
            for hook in hooks:
                hook.remove()
        for neuron, layer in zip(neurons, seen, strict=True):
            neuron.normalise(torch.cat(layer), self.percentile)


def percentile_of_positive(values: Tensor, percentile: float) -> float:
    """Percentile of the values above 0, linear between neighbours; 1 if there are none, as nothing will spike then."""
    positive = values[values > 0]
    if not positive.numel():
        return 1.0
    rank = percentile / 100 * (positive.numel() - 1)
    below = int(rank)
    # The values from the wanted one upwards, largest first. torch.quantile would take 2^24 values at most.
    top = positive.topk(positive.numel() - below).values
    return float(torch.lerp(top[-1], top[max(len(top) - 2, 0)], rank - below))


class Converted(Method):
    """Conversion of a trained ReLU network; its training is that of `ann` and knows nothing of T."""

    name = "converted"
    title = "Converted ANN"
    Parameters = ConvertedParameters

    def supports(self, spec: NetworkSpec, parameters: ConvertedParameters) -> str | None:
        """Static images only: a ReLU network has to be trained first."""
        del parameters
        return "the converted ReLU network needs constant images, not spike trains" if spec.events else None

    def build(self, spec: NetworkSpec, parameters: ConvertedParameters, *, backend: str = "auto") -> ConvertedModel:
        """Make a freshly initialised model."""
        return ConvertedModel(spec, parameters, backend)
