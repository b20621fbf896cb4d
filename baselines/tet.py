"""TET, temporal efficient training (Deng et al., ICLR 2022): the class is asked for in every time step.

Usual training averages the output over time and takes the loss of that. Here the loss is the mean of the losses of
all steps, to which comes a squared distance that keeps outputs from running away.

As in the authors' code the output layer has no neurons: its output in a step is its input, the weighted spikes of
that step, and the decision is taken from the mean over time. So `running_scores`, the sum so far, is theirs at every
step. The neuron is that of `stbp`, whose rectangular surrogate and constants take the place of their triangle, decay
of 0.5 and threshold of 1; a triangle is no surrogate of the suite. Their batch normalisation, cosine decay of the
learning rate and networks (VGG and ResNet-19) are not here.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from baselines.method import Method, NetworkSpec
from baselines.neurons.iterative_lif import ITERATIVE_LIF, SEARCH_SPACE, IterativeLIFParams
from baselines.rate_coding import RateCodedModel
from baselines.search import Space
from tssl_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class TETParameters(IterativeLIFParams):
    """Those of the neuron, and of the loss.

    Parameters
    ----------
    regulariser_weight : float
        lambda in [0, 1], the part of the squared distance in the loss; 0.001 in the authors' code for DVS-CIFAR10,
        and 0 in that for CIFAR-10.
    regulariser_target : float
        phi, to which the squared distance draws every output; 1 in the authors' code, which is their threshold.
    """

    regulariser_weight: float = 0.001
    regulariser_target: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        super().__post_init__()
        if not 0 <= self.regulariser_weight <= 1:
            raise ParameterError(f"regulariser_weight is {self.regulariser_weight}; expected a fraction in [0, 1]")


def temporal_efficient_loss(output: Tensor, labels: Tensor, *, weight: float, target: float) -> Tensor:
    """Mean over time of each step's cross entropy, and of the squared distance from a constant.

    ``(1 - lambda) 1/T sum_t CE(o[t], y) + lambda 1/(T C) sum_t,c (o[t, c] - phi)^2``, summed over the batch.

    Parameters
    ----------
    output : Tensor
        o, ``[T, B, C]``.
    labels : Tensor
        y, ``[B]``, int64.
    weight, target : float
        lambda and phi.
    """
    steps, _, classes = output.shape
    cross_entropy = F.cross_entropy(output.flatten(0, 1), labels.repeat(steps), reduction="sum") / steps
    distance = (output - target).square().sum() / (steps * classes)
    return (1 - weight) * cross_entropy + weight * distance


class TETModel(RateCodedModel):
    """Iterative LIF neurons before an output layer that has none."""

    spiking_output = False

    def __init__(self, spec: NetworkSpec, parameters: TETParameters, backend: str) -> None:
        super().__init__(spec, parameters, backend)
        self._weight, self._target = parameters.regulariser_weight, parameters.regulariser_target

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Loss of every step's output."""
        return temporal_efficient_loss(output, labels, weight=self._weight, target=self._target)


class TET(Method):
    """Temporal efficient training."""

    name = "tet"
    title = "TET"
    neurons = ITERATIVE_LIF
    Parameters = TETParameters
    search_space: ClassVar[Space] = SEARCH_SPACE

    def supports(self, spec: NetworkSpec, parameters: TETParameters) -> str | None:
        """Classes only: there is no output spike whose time could be right."""
        del parameters
        return "the output layer does not spike: it has no spike trains to learn" if spec.sequences else None

    def build(self, spec: NetworkSpec, parameters: TETParameters, *, backend: str = "auto") -> TETModel:
        """Make a freshly initialised model."""
        return TETModel(spec, parameters, backend)
