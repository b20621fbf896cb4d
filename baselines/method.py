"""The contract of a method, and how methods are found: one file in this package, one method.

A method turns an architecture string into a `Model`. It never sees the optimiser, the data or the metrics, which
are the same for all. A new file here with a subclass of `Method` appears in every sweep, table and plot.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

import baselines
from baselines.discovery import discover
from baselines.plugins import plugin_files
from baselines.search import Space
from tssl_core.architecture import Architecture, InitialWeights, InputShape
from tssl_core.errors import ParameterError
from tssl_core.kernels.scan import Scan
from tssl_core.layers import SpikingLayer
from tssl_core.losses import spike_train_loss


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """What a method is asked to solve.

    Parameters
    ----------
    architecture : Architecture
        Hidden layers; the output layer has one neuron a class.
    input_shape : (int, int, int)
        Channels, height, width.
    classes : int
        Number of classes.
    time_steps : int
        T, the length of the simulated window.
    events : bool
        Whether the input is a spike train ``[T, B, C, H, W]`` and not a constant image ``[B, C, H, W]``.
    sequences : bool
        Whether the output is to be a given spike train for each output neuron, and not a class.
    initial_weights : {"pytorch_default", "kaiming_normal"}
        How convolutions are initialised, see `tssl_core.layers.synapse`. The same for all methods: a method hands it on
        to its network.
    batch_norm : bool
        Whether the currents of hidden layers are normalised; handed on to the network by `norm_scale`.
    """

    architecture: Architecture
    input_shape: InputShape
    classes: int
    time_steps: int
    events: bool = False
    sequences: bool = False
    initial_weights: InitialWeights = "pytorch_default"
    batch_norm: bool = False

    def norm_scale(self, threshold: float = 1.0) -> float | None:
        """Return what `Network` is to scale normalised currents by, None where they are not to be normalised.

        Parameters
        ----------
        threshold : float
            Of the hidden neurons; 1 for activations that have none.
        """
        return threshold if self.batch_norm else None


class Model(nn.Module, ABC):
    """A network with its loss and its decision; what the training loop needs of a method.

    All that training changes, from one epoch to the next, is in `state_dict`: in parameters, in buffers, or by
    `get_extra_state`. Random numbers come from torch's own generator. So a run can be taken up where it
    was interrupted.

    Attributes
    ----------
    spiking_output : bool
        Whether the last spiking layer is the output layer; if not, the output layer does not spike.
    products : torch.dtype, optional
        Type of 16 bits for convolutions and matrix products, set by the harness; None leaves them in float32.
    """

    spiking_output: ClassVar[bool] = True
    products: torch.dtype | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return what `forward` does, in float32 where products have another type."""
        if self.products is None:
            return super().__call__(inputs)  # type: ignore[no-any-return]
        with torch.autocast(inputs.device.type, dtype=self.products):
            output: Tensor = super().__call__(inputs)
        return output.float()

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Output of the network, ``[T, B, classes]``, from images or a spike train.

        In training mode T may be another than in evaluation mode. The output in a time step depends on the input up to
        that step only.
        """

    @abstractmethod
    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Scalar loss, summed over the batch, of an output ``[T, B, classes]`` and true classes ``[B]``."""

    def sequence_loss(self, output: Tensor, target: Tensor, *, tau: float) -> Tensor:
        """Van Rossum loss, summed over the batch, of an output and target spike trains ``[T, B, neurons]``.

        The same for all methods. This is for outputs that are spikes, 0 or 1; a model whose output is something else
        finds the spikes in it.

        Parameters
        ----------
        output, target : Tensor
            What `forward` returned, and 0 or 1.
        tau : float
            Time constant in time steps, see `tssl_core.losses.spike_train_loss`.
        """
        return spike_train_loss(output, target, tau_s=tau)

    def output_spikes(self, output: Tensor) -> Tensor:
        """Tell from what `forward` returned where the output neurons spiked: bool, ``[T, B, neurons]``."""
        *_, last = (module for module in self.modules() if isinstance(module, SpikingLayer))
        return last.spikes(output).bool()

    def running_scores(self, output: Tensor) -> Tensor:
        """Evidence for each class after every time step, ``[T, B, classes]``: row t uses the output up to t only."""
        return output.cumsum(0)

    def scores(self, output: Tensor) -> Tensor:
        """Evidence for each class, ``[B, classes]``; the decision is its argmax, the lowest index in a tie."""
        return self.running_scores(output)[-1]

    def calibrate(self, inputs: Iterable[Tensor]) -> None:
        """Look at training images before an evaluation; most models have no need to.

        Parameters
        ----------
        inputs : iterable of Tensor
            Batches, on the model's device. They are made while they are read: a model that reads none pays nothing.
        """

    def after_step(self) -> None:
        """Enforce constraints on the weights after each step of the optimiser."""

    def start_epoch(self, epoch: int) -> None:
        """Take up what is due in an epoch of training; called at the start of each, the first one is 1.

        What it does may depend on `epoch` alone and not on earlier calls, so that a run that is resumed in the middle
        is the run that was not interrupted.
        """

    def python_state(self) -> Hashable:
        """What a pass through the model depends on beside its inputs, tensors and mode, and may change between epochs.

        A CUDA graph that was recorded of the model is of use as long as this is equal.
        """
        return None


class Method(ABC):
    """One way to train a network.

    Attributes
    ----------
    name : str
        What configurations call it; the name of its file.
    title : str
        What tables and plots call it.
    neurons : Scan, optional
        What its neurons compute by, so that a run can record which backend that was; None without such neurons.
    spiking : bool
        Whether its networks spike: without spikes there is neither a number of time steps nor a silent neuron.
    Parameters : type
        Frozen dataclass of what can be set; ``Parameters()`` are the defaults.
    presets : mapping
        Named parameters, chosen as ``name:preset``.
    search_space : mapping of str to Range or Choice
        Of at most three parameters, by dotted name, where ``tssl tune`` looks beside the learning rate.
    before : mapping
        Parameters that came after results were kept, with the values that those had in effect: read again, they have
        them, and keep their keys.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    neurons: ClassVar[Scan | None] = None
    spiking: ClassVar[bool] = True
    Parameters: ClassVar[type]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    search_space: ClassVar[Space] = {}
    before: ClassVar[Mapping[str, Any]] = {}

    def supports(self, spec: NetworkSpec, parameters: Any) -> str | None:
        """Why this method cannot solve `spec` with `parameters` of its own type, or None if it can."""
        del spec, parameters
        return None

    @abstractmethod
    def build(self, spec: NetworkSpec, parameters: Any, *, backend: str = "auto") -> Model:
        """Make a freshly initialised model; weights are drawn from torch's global generator.

        Parameters
        ----------
        spec : NetworkSpec
            What to solve; `supports` has been asked before.
        parameters : Parameters
            Of this method's own type.
        backend : str
            Implementation of the neurons, ``"auto"`` or a name.
        """


def available_methods() -> Mapping[str, Method]:
    """Every method in this package and in plug-ins, by name."""
    return _found(plugin_files())


@cache  # tables ask for the title of a method row by row
def _found(_: tuple[Path, ...]) -> Mapping[str, Method]:
    return MappingProxyType(discover(baselines, Method))  # type: ignore[type-abstract]


def get_method(name: str) -> Method:
    """Return the method called `name`; a preset behind a colon is left out of account.

    Raises
    ------
    ParameterError
        If there is no such method or preset; the message lists those that there are.
    """
    methods = available_methods()
    base, _, preset = name.partition(":")
    if base not in methods:
        raise ParameterError(f"unknown method {base!r}; expected one of {', '.join(methods)}")
    method = methods[base]
    if preset and preset not in method.presets:
        known = ", ".join(f"{base}:{key}" for key in method.presets) or "none"
        raise ParameterError(f"unknown preset {name!r}; {base} has {known}")
    return method


def method_title(name: str) -> str:
    """What tables and plots call a method with its preset; a name that is not known here stands for itself."""
    base, _, preset = name.partition(":")
    methods = available_methods()
    title = methods[base].title if base in methods else base
    return f"{title}, {preset}" if preset else title


def is_spiking(name: str) -> bool:
    """Whether a method's networks spike; one that is not known here is taken to."""
    method = available_methods().get(name.partition(":")[0])
    return method is None or method.spiking
