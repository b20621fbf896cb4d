"""STBP (Wu et al. 2018, Frontiers in Neuroscience 12:331): backpropagation in space and time with a rectangle.

The preset ``classic`` is the neuron of the authors' public code for MNIST. Threshold and surrogate of the default are
the same; its decay of 0.7 instead of 0.2 carries more over in a window of five steps. Both differ from that code so
that methods compare: an image is the input of every time step and is not drawn as a Bernoulli spike train; there are
no biases; network, initial weights, T, optimiser and batch size are the study's, where theirs are 32C3-P2-32C3-P2-128,
T = 20, and Adam with a learning rate that falls to a tenth every 40 epochs. Their loss is a mean over batch and
classes and not a sum, a factor that matters to the clipping of the gradient only. Without biases, the neurons of
``classic`` may be silent from the start and then stay so; a larger `initial_weight_scale` brings them to life.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.method import Method, NetworkSpec
from baselines.neurons.iterative_lif import ITERATIVE_LIF, SEARCH_SPACE, IterativeLIFParams
from baselines.rate_coding import RateCodedModel, rate_mean_squared_error
from baselines.search import Space
from tssl_core.errors import ParameterError
from tssl_core.layers import layers_with_weights


@dataclass(frozen=True, kw_only=True)
class STBPParameters(IterativeLIFParams):
    """Those of the neuron, and the size of the first weights.

    Parameters
    ----------
    initial_weight_scale : float
        Factor on the first weights of all layers. A network whose first weights let no spike through, which a small
        decay makes likely, has a gradient of zero: it never learns.
    """

    initial_weight_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        super().__post_init__()
        if self.initial_weight_scale <= 0:
            raise ParameterError(f"initial_weight_scale is {self.initial_weight_scale}; expected a positive number")


class STBPModel(RateCodedModel):
    """A rate-coded network with the loss of Wu et al. 2018."""

    def __init__(self, spec: NetworkSpec, parameters: STBPParameters, backend: str) -> None:
        super().__init__(spec, parameters, backend)
        with torch.no_grad():
            for layer in layers_with_weights(self.network):
                layer.weight.mul_(parameters.initial_weight_scale)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Squared error of the firing rates."""
        return rate_mean_squared_error(output, labels)


class STBP(Method):
    """Spatio-temporal backpropagation."""

    name = "stbp"
    title = "STBP"
    neurons = ITERATIVE_LIF
    Parameters = STBPParameters
    search_space: ClassVar[Space] = SEARCH_SPACE
    # The public code for MNIST; its surrogate lacks a factor that is 1 at this width.
    presets = {  # noqa: RUF012
        "classic": {"threshold": 0.5, "decay": 0.2, "surrogate_width": 0.5, "normalised": False}
    }

    def build(self, spec: NetworkSpec, parameters: STBPParameters, *, backend: str = "auto") -> STBPModel:
        """Make a freshly initialised model."""
        return STBPModel(spec, parameters, backend)
