"""QCFS (Bu et al., ICLR 2022): a network trained with the staircase that its spiking twin has for activation.

An integrate-and-fire neuron with threshold lambda that starts from lambda / 2 and is reset by subtraction turns a
constant input z into a mean output of ``lambda clip(floor(z T / lambda + 1/2) / T, 0, 1)`` over T steps: exactly so.
The network is trained with that activation, the quantisation-clip-floor-shift function, at T = L levels. With T = L
and input that is constant in time, a layer loses nothing by conversion (their theorem 1, which they state without the
shift by 1/2); for any T and L the error is zero in the mean (their theorem 2) if z is uniform within the steps.
Behind the first layer the input is spikes and not constant, so that deeper layers lose something at few steps.

Thresholds are trained, one a layer, as ``lambda = initial_threshold exp(p)`` with p from 0, where the authors train
lambda itself: it stays positive at any learning rate, a step of the optimiser changes it by a fraction, and weight
decay pulls it to its first value and not to 0, where the authors' 5e-4 pulls it.

The authors' networks are VGG-16 and ResNets with batch normalisation, trained by SGD over 300 epochs with a rate that
falls by a cosine; network, optimiser and epochs are the study's here.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from baselines.ann import ANNParameters
from baselines.conversion import ConvertibleModel
from baselines.method import Method, NetworkSpec
from baselines.neurons.integrate_and_fire import INTEGRATE_AND_FIRE, IFParams, IntegrateAndFire
from baselines.search import Choice, Range, Space
from tssl_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class QCFSParameters(ANNParameters):
    """Those of the ReLU network, and of its activation.

    Parameters
    ----------
    levels : int
        L, the steps of the activation from 0 to the threshold. The authors recommend 4 or 8: fewer are better at few
        time steps, more where there are many. Training knows nothing of T.
    initial_threshold : float
        lambda of every layer before training; 8 in the authors' code, whose layers are batch-normalised. Large, it
        leaves layers silent at T = 1, and in a network whose first weights are small it lets nothing through.
    """

    levels: int = 4
    initial_threshold: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        super().__post_init__()
        if self.levels < 1:
            raise ParameterError(f"levels is {self.levels}; expected at least 1")
        if not 0 < self.initial_threshold < math.inf:
            raise ParameterError(f"initial_threshold is {self.initial_threshold}; expected a positive finite number")


def clip_floor_shift(current: Tensor, threshold: Tensor, levels: int) -> Tensor:
    """Quantisation-clip-floor-shift activation: ``lambda clip(floor(z L / lambda + 1/2) / L, 0, 1)``.

    With the floor's derivative taken as 1 (straight through), the derivatives are::

        dh/dz      = 1 where -lambda / 2L < z < lambda - lambda / 2L, else 0            (their eq. 18)
        dh/dlambda = (h - z) / lambda there, 0 below and 1 above

    Their eq. 19 for lambda is a mistake, as the authors say in their repository; what stands here follows from the
    function, their eq. 16, and the straight-through rule.

    Parameters
    ----------
    current : Tensor
        z, of any shape, floating point.
    threshold : Tensor
        lambda, a positive scalar.
    levels : int
        L.

    Returns
    -------
    Tensor
        h, of the shape and dtype of `current`.
    """
    output: Tensor
    output, _between = _ClipFloorShift.apply(current, threshold, levels)
    return output


class _ClipFloorShift(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(current: Tensor, threshold: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        shifted = (current / threshold).mul_(levels).add_(0.5)
        output = shifted.floor().clamp(0, levels).mul_(threshold / levels)
        return output, (shifted > 0).logical_and_(shifted < levels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], inputs[1], output[1], output[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        gradient = gradients[0]
        current, threshold, between, output = ctx.saved_tensors
        grad_current = gradient * between
        # h / lambda is 0 below the stairs and 1 above them.
        grad_threshold = (gradient * output - grad_current * current).sum(dtype=threshold.dtype) / threshold
        return grad_current, grad_threshold, None


class QCFSNeuron(IntegrateAndFire):
    """The staircase in training mode; integrate-and-fire neurons with the same threshold in evaluation mode.

    Parameters
    ----------
    levels : int
        L.
    initial_threshold : float
        lambda before training.
    backend : str
        See `IntegrateAndFire`.
    """

    def __init__(self, levels: int, initial_threshold: float, backend: str) -> None:
        # Membrane potentials are in units of the threshold, so that it can stay a tensor, on a GPU too.
        super().__init__(IFParams(initial_potential=0.5), backend=backend)
        self.levels, self.initial_threshold = levels, initial_threshold
        self.log_growth = nn.Parameter(torch.zeros(()))

    @property
    def threshold(self) -> Tensor:
        """Lambda, a scalar."""
        return self.initial_threshold * self.log_growth.exp()

    def forward(self, current: Tensor) -> Tensor:
        """Return activations or spikes times threshold, ``[T, B, ...]``."""
        threshold = self.threshold
        if self.training:
            return clip_floor_shift(current, threshold, self.levels)
        threshold = threshold.detach()
        return INTEGRATE_AND_FIRE(current / threshold, self.params, backend=self.backend).mul_(threshold)


class QCFSModel(ConvertibleModel):
    """The quantised network in training mode, its spiking twin in evaluation mode."""

    def __init__(self, spec: NetworkSpec, parameters: QCFSParameters, backend: str) -> None:
        def neuron() -> QCFSNeuron:
            return QCFSNeuron(parameters.levels, parameters.initial_threshold, backend)

        super().__init__(spec, parameters, neuron=neuron)


class QCFS(Method):
    """Conversion of a network with quantised activations; its training knows nothing of T."""

    name = "qcfs"
    title = "QCFS"
    neurons = INTEGRATE_AND_FIRE
    Parameters = QCFSParameters
    search_space: ClassVar[Space] = {"initial_threshold": Range(0.5, 8), "levels": Choice((4, 8))}

    def supports(self, spec: NetworkSpec, parameters: QCFSParameters) -> str | None:
        """Static images only: a network without time has to be trained first."""
        del parameters
        return "the quantised network needs constant images, not spike trains" if spec.events else None

    def build(self, spec: NetworkSpec, parameters: QCFSParameters, *, backend: str = "auto") -> QCFSModel:
        """Make a freshly initialised model."""
        return QCFSModel(spec, parameters, backend)
