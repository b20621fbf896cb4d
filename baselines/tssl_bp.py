"""TSSL-BP (Zhang & Li, NeurIPS 2020); the neuron and its gradient are in `tssl_core`."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from torch import Tensor

from baselines.method import Method, Model, NetworkSpec
from baselines.search import Range, Space
from baselines.tssl_bp_presets import PRESETS
from tssl_core import (
    LIFParams,
    SpikingNetwork,
    TSSLParams,
    filtered_train,
    of_true_class,
    softmax_loss,
    spike_count_loss,
    spike_train_loss,
    target_spike_train,
    unfiltered,
    van_rossum_loss,
)
from tssl_core.errors import ParameterError
from tssl_core.kernels import SPIKING_PSC
from tssl_core.layers import TSSLNeuron, clamp_weights, layers_with_weights
from tssl_core.reset_matrix import ResetMatrixNeuron
from tssl_core.targets import LONG_WINDOW

PAPER_PATTERN = "01011"
"""Authors' train for 5 time steps until 1 October 2020, and the paper's."""


@dataclass(frozen=True, kw_only=True)
class TSSLBPParameters:
    """What can be set; the defaults are the authors' last version for static images.

    Parameters
    ----------
    lif : LIFParams
        Neuron parameters.
    gradient : TSSLParams
        Variant of the gradient.
    reset_matrix : bool
        Whether the intra-neuron term is that of September 2020, see `tssl_core.reset_matrix`, instead of
        ``gradient.intra_neuron``.
    warm_up_epochs : int
        In so many epochs at the start the surrogate gradient is taken everywhere; later, where ``gradient.gate`` says.
    loss : {"van_rossum", "spike_count", "softmax"}
        See `tssl_core.losses`.
    target_pattern : str
        Desired spike train of the true class, zeros and ones; ``"auto"`` is the authors' last choice for T, ``"paper"``
        the one that they had before October 2020: 01011 under 10 time steps. Of no use where a dataset gives trains.
    filter_passes : {1, 2}
        How often the target goes through the PSC filter.
    desired_count, undesired_count : float
        Summed PSC wanted from the true class and from the others, for ``spike_count`` only.
    weight_limit : float
        Weights are clamped to plus or minus this after each step.
    """

    lif: LIFParams = field(default_factory=LIFParams)
    gradient: TSSLParams = field(default_factory=TSSLParams)
    reset_matrix: bool = False
    warm_up_epochs: int = 0
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
        if self.warm_up_epochs < 0:
            raise ParameterError(f"warm_up_epochs is {self.warm_up_epochs}; expected 0 or more")
        if self.reset_matrix and self.gradient.intra_neuron:
            raise ParameterError(
                "reset_matrix is True and gradient.intra_neuron too; expected only one intra-neuron term: turn one off"
            )
        self.target_train(1)

    def target_train(self, time_steps: int) -> Tensor:
        """Desired spike train ``[T]`` of the true class."""
        pattern: str | None = self.target_pattern
        if pattern == "paper":
            pattern = PAPER_PATTERN if time_steps < LONG_WINDOW else "auto"
        return target_spike_train(time_steps, None if pattern == "auto" else pattern)

    def gradient_in(self, epoch: int) -> TSSLParams:
        """Variant of the gradient in an epoch, the first one being 1."""
        return replace(self.gradient, gate="always") if epoch <= self.warm_up_epochs else self.gradient


class TSSLBPModel(Model):
    """A `SpikingNetwork` with one of the authors' losses."""

    desired_psc: Tensor

    def __init__(self, spec: NetworkSpec, parameters: TSSLBPParameters, backend: str) -> None:
        super().__init__()
        self.task, self.parameters_ = spec, parameters
        desired = filtered_train(
            parameters.target_train(spec.time_steps),
            tau_s=parameters.lif.tau_s,
            filter_passes=parameters.filter_passes,
        )
        # A buffer is where the model is: a step that had to copy it to a GPU could not be recorded there.
        self.register_buffer("desired_psc", desired, persistent=False)
        self.network = SpikingNetwork(
            spec.architecture,
            spec.input_shape,
            spec.classes,
            lif=parameters.lif,
            tssl=parameters.gradient_in(1),
            backend=backend,
            neuron_type=ResetMatrixNeuron if parameters.reset_matrix else TSSLNeuron,
            initial_weights=spec.initial_weights,
            batch_norm=spec.batch_norm,
        )
        self._clamped = layers_with_weights(self.network)  # to look for them takes longer than to clamp a small network

    def forward(self, inputs: Tensor) -> Tensor:
        """Output PSC ``[T, B, classes]``."""
        output: Tensor = self.network(inputs, self.task.time_steps)
        return output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Loss on the output PSC."""
        parameters = self.parameters_
        match parameters.loss:
            case "van_rossum":
                return van_rossum_loss(output, of_true_class(self.desired_psc, labels, self.task.classes))
            case "spike_count":
                return spike_count_loss(
                    output, labels, desired=parameters.desired_count, undesired=parameters.undesired_count
                )
            case "softmax":
                return softmax_loss(output, labels)

    def sequence_loss(self, output: Tensor, target: Tensor, *, tau: float) -> Tensor:
        """Van Rossum loss of the spikes whose PSC the output is; the target is filtered as often as configured."""
        spikes = unfiltered(output, self.parameters_.lif.tau_s)
        return spike_train_loss(spikes, target, tau_s=tau, filter_passes=self.parameters_.filter_passes)

    def after_step(self) -> None:
        """Clamp the weights, as the authors' code does."""
        clamp_weights(self._clamped, self.parameters_.weight_limit)

    def start_epoch(self, epoch: int) -> None:
        """Give every neuron the variant of the gradient that is due."""
        for module in self.modules():
            if isinstance(module, TSSLNeuron):
                module.tssl = self.parameters_.gradient_in(epoch)

    def python_state(self) -> Hashable:
        """The variant of the gradient that is taken."""
        return tuple(module.tssl for module in self.modules() if isinstance(module, TSSLNeuron))


class TSSLBP(Method):
    """Temporal spike sequence learning via backpropagation."""

    name = "tssl_bp"
    title = "TSSL-BP"
    neurons = SPIKING_PSC
    Parameters = TSSLBPParameters
    search_space: ClassVar[Space] = {
        "lif.tau_m": Range(2.5, 20),
        "lif.tau_s": Range(1.2, 10),
        "lif.threshold": Range(0.3, 3),
    }
    presets = PRESETS

    def supports(self, spec: NetworkSpec, parameters: TSSLBPParameters) -> str | None:
        """Target spike trains have one loss, which is the paper's."""
        if spec.sequences and parameters.loss != "van_rossum":
            return f"loss is {parameters.loss!r}; expected 'van_rossum', which alone is for target spike trains"
        return None

    def build(self, spec: NetworkSpec, parameters: TSSLBPParameters, *, backend: str = "auto") -> TSSLBPModel:
        """Make a freshly initialised model."""
        return TSSLBPModel(spec, parameters, backend)
