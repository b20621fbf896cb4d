"""Backpropagation through time with a smooth surrogate gradient, as libraries such as SpikingJelly and snnTorch do it.

The neuron and the loss are those of `stbp`; surrogate and reset path are what such libraries offer first.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from baselines.method import Method, NetworkSpec
from baselines.neurons.iterative_lif import ITERATIVE_LIF, SEARCH_SPACE, IterativeLIFParams, Surrogate
from baselines.rate_coding import RateCodedModel, rate_cross_entropy, rate_mean_squared_error
from baselines.search import Space


@dataclass(frozen=True, kw_only=True)
class BPTTParameters(IterativeLIFParams):
    """Those of the neuron, and the loss; the surrogate's default width is SpikingJelly's, whose alpha is 4.

    Parameters
    ----------
    loss : {"mean_squared_error", "cross_entropy"}
        Of the firing rates of the output neurons.
    """

    surrogate: Surrogate = "sigmoid"
    surrogate_width: float = 0.25
    detach_reset: bool = True
    loss: Literal["mean_squared_error", "cross_entropy"] = "mean_squared_error"


class BPTTModel(RateCodedModel):
    """A rate-coded network with either loss."""

    def __init__(self, spec: NetworkSpec, parameters: BPTTParameters, backend: str) -> None:
        super().__init__(spec, parameters, backend)
        self._loss = rate_cross_entropy if parameters.loss == "cross_entropy" else rate_mean_squared_error

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Loss on the firing rates."""
        return self._loss(output, labels)


class BPTT(Method):
    """Surrogate-gradient descent."""

    name = "bptt"
    title = "Surrogate BPTT"
    neurons = ITERATIVE_LIF
    Parameters = BPTTParameters
    search_space: ClassVar[Space] = SEARCH_SPACE

    def build(self, spec: NetworkSpec, parameters: BPTTParameters, *, backend: str = "auto") -> BPTTModel:
        """Make a freshly initialised model."""
        return BPTTModel(spec, parameters, backend)
