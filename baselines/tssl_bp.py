"""TSSL-BP (Zhang & Li, NeurIPS 2020); the neuron and its gradient are in `tssl_core`."""

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from baselines.method import Method, Model, Task
from tssl_core import (
    LIFParams,
    SpikingNetwork,
    TSSLParams,
    softmax_loss,
    spike_count_loss,
    target_psc,
    target_spike_train,
    van_rossum_loss,
)
from tssl_core.errors import ParameterError
from tssl_core.layers import clamp_weights


@dataclass(frozen=True, kw_only=True)
class TSSLBPParameters:
    """What can be set; the defaults are the authors' last version for static images.

    Parameters
    ----------
    lif : LIFParams
        Neuron parameters.
    gradient : TSSLParams
        Variant of the gradient.
    loss : {"van_rossum", "spike_count", "softmax"}
        See `tssl_core.losses`.
    target_pattern : str
        Desired spike train of the true class, zeros and ones; ``"auto"`` is the authors' choice for T.
    filter_passes : {1, 2}
        How often the target goes through the PSC filter.
    desired_count, undesired_count : float
        Summed PSC wanted from the true class and from the others, for ``spike_count`` only.
    weight_limit : float
        Weights are clamped to plus or minus this after each step.
    """

    lif: LIFParams = field(default_factory=LIFParams)
    gradient: TSSLParams = field(default_factory=TSSLParams)
    loss: Literal["van_rossum", "spike_count", "softmax"] = "van_rossum"
    target_pattern: str = "auto"
    filter_passes: Literal[1, 2] = 2
    desired_count: float = 4.0
    undesired_count: float = 1.0
    weight_limit: float = 4.0

    def __post_init__(self) -> None:
        """Refuse values that would only fail in the middle of a run."""
        if self.weight_limit <= 0:
            raise ParameterError(f"weight_limit is {self.weight_limit}; expected a positive number")
        self.target_train(1)

    def target_train(self, time_steps: int) -> Tensor:
        """Desired spike train ``[T]`` of the true class."""
        return target_spike_train(time_steps, None if self.target_pattern == "auto" else self.target_pattern)


class TSSLBPModel(Model):
    """A `SpikingNetwork` with one of the authors' losses."""

    def __init__(self, task: Task, parameters: TSSLBPParameters, backend: str) -> None:
        super().__init__()
        self.task, self.parameters_ = task, parameters
        self.network = SpikingNetwork(
            task.architecture,
            task.input_shape,
            task.classes,
            lif=parameters.lif,
            tssl=parameters.gradient,
            backend=backend,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Output PSC ``[T, B, classes]``."""
        output: Tensor = self.network(inputs, self.task.time_steps)
        return output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Loss on the output PSC."""
        parameters = self.parameters_
        match parameters.loss:
            case "van_rossum":
                target = target_psc(
                    labels,
                    self.task.classes,
                    parameters.target_train(output.shape[0]),
                    tau_s=parameters.lif.tau_s,
                    filter_passes=parameters.filter_passes,
                )
                return van_rossum_loss(output, target)
            case "spike_count":
                return spike_count_loss(
                    output, labels, desired=parameters.desired_count, undesired=parameters.undesired_count
                )
            case "softmax":
                return softmax_loss(output, labels)

    def after_step(self) -> None:
        """Clamp the weights, as the authors' code does."""
        clamp_weights(self, self.parameters_.weight_limit)


class TSSLBP(Method):
    """Temporal spike sequence learning via backpropagation."""

    name = "tssl_bp"
    title = "TSSL-BP"
    Parameters = TSSLBPParameters
    # The paper's text and its code until 29 October 2020 filter the target once.
    presets = {"single-filter": {"filter_passes": 1}}  # noqa: RUF012

    def build(self, task: Task, parameters: TSSLBPParameters, *, backend: str = "auto") -> TSSLBPModel:
        """Make a freshly initialised model."""
        return TSSLBPModel(task, parameters, backend)
