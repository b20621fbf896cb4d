"""EventProp (Wunderlich & Pehle 2021, Scientific Reports 11:12829): exact gradients of spike times, by the adjoint.

The neuron and its gradient are in `baselines.neurons.event_lif`. What differs from what was published:

- Time is a grid, as in the discrete-time implementations (Norse; mlGeNN and its forerunner, Nowotny et al. 2022), where
  the paper finds each spike's time to machine precision; and it is a grid of 5 to 20 steps, where theirs have more.
- The output is the mean over time of the membrane potential of neurons that do not spike (Nowotny et al. 2022). First
  spikes, the paper's other readout, are tied on a grid of few steps, and its maximum over time learns less well there.
- An image is the input of every time step, as for all methods here, and not a spike a pixel whose latency is its value.
- A layer responds in the step in which spikes arrive. Pooling hands on 1.1 times their sum and has no neurons.
- Time constants are 5 and 2 steps and the threshold 1/4, which let spikes through three layers within 5 steps from the
  first weights that all methods have; theirs are 20 and 5 steps of 1 ms, threshold 1, and weights of positive mean.
- Optimiser and clipping of the gradient are those of all methods here.

The exact gradient says nothing of spikes that would appear or vanish: a layer without spikes has none and never learns.
Published means against it are parameters, and off, as they are by default in the published code: larger first weights,
a rise of the weights of silent neurons, and a term that draws neurons towards a number of spikes.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import Method, Model, NetworkSpec
from baselines.neurons.event_lif import EVENT_LIF, EventLIF, EventLIFParams, LeakyIntegrator
from baselines.search import Range, Space
from tssl_core import Network
from tssl_core.errors import ParameterError
from tssl_core.layers import SumPool, layers_with_weights

Readout = Literal["max", "mean"]


@dataclass(frozen=True, kw_only=True)
class EventPropParameters:
    """What can be set.

    Parameters
    ----------
    neuron : EventLIFParams
        Neuron parameters, of the readout as well.
    readout : {"max", "mean"}
        What of the membrane potential of the output, which does not spike, are the logits: its maximum over time
        (Wunderlich & Pehle 2021, for MNIST) or its mean (Nowotny et al. 2022). Of no use for target spike trains.
    initial_weight_scale : float
        Factor on the first weights of all layers. Layers without spikes have no gradient, nor have those before them.
    silent_increase : float
        Added after each training step to all weights of a neuron, or of a channel, that spiked for no sample of the
        batch; 0 for none. The paper's code raises those of a whole layer where too many of its neurons are silent.
    """

    neuron: EventLIFParams = field(default_factory=EventLIFParams)
    readout: Readout = "mean"
    initial_weight_scale: float = 1.0
    silent_increase: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        if self.readout not in get_args(Readout):
            raise ParameterError(f"readout is {self.readout!r}; expected one of {', '.join(get_args(Readout))}")
        if not self.initial_weight_scale > 0:
            raise ParameterError(f"initial_weight_scale is {self.initial_weight_scale!r}; expected a positive number")
        if not self.silent_increase >= 0:
            raise ParameterError(f"silent_increase is {self.silent_increase!r}; expected 0 or a positive number")


class EventPropModel(Model):
    """LIF neurons that exchange spikes, and an output that integrates them and does not spike itself."""

    spiking_output = False

    def __init__(self, spec: NetworkSpec, parameters: EventPropParameters, backend: str) -> None:
        super().__init__()
        self.time_steps, self.parameters_ = spec.time_steps, parameters

        def neuron() -> EventLIF:
            return EventLIF(parameters.neuron, backend=backend)

        def integrator() -> LeakyIntegrator:
            return LeakyIntegrator(parameters.neuron)

        self.network = Network(
            spec.architecture,
            spec.input_shape,
            spec.classes,
            neuron=neuron,
            output_neuron=neuron if self.spiking_output else integrator,
            pool=SumPool,
            initial_weights=spec.initial_weights,
            norm_scale=spec.norm_scale(parameters.neuron.threshold),
        )
        with torch.no_grad():
            for layer in layers_with_weights(self.network):
                layer.weight.mul_(parameters.initial_weight_scale)

    def forward(self, inputs: Tensor) -> Tensor:
        """Output ``[T, B, classes]`` of images ``[B, C, H, W]``, a constant input, or spikes ``[T, B, C, H, W]``."""
        return self.network.encode_directly(inputs, self.time_steps)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy of the readout, summed over the batch."""
        logits = output.amax(0) if self.parameters_.readout == "max" else output.mean(0)
        return F.cross_entropy(logits, labels, reduction="sum")

    def running_scores(self, output: Tensor) -> Tensor:
        """Maximum, or sum, of the potential so far."""
        return output.cummax(0).values if self.parameters_.readout == "max" else output.cumsum(0)

    @torch.no_grad()
    def after_step(self) -> None:
        """Raise the weights of neurons that did not spike."""
        if not self.parameters_.silent_increase:
            return
        weight = None
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                weight = module.weight
            elif isinstance(module, EventLIF) and weight is not None and module.fired is not None:
                silent = ~module.fired
                weight += self.parameters_.silent_increase * silent.view(-1, *[1] * (weight.dim() - 1))


class SpikingEventPropModel(EventPropModel):
    """The same for target spike trains: the output spikes, too."""

    spiking_output = True


class EventProp(Method):
    """Event-based backpropagation."""

    name = "eventprop"
    title = "EventProp"
    neurons = EVENT_LIF
    Parameters = EventPropParameters
    search_space: ClassVar[Space] = {
        "neuron.threshold": Range(0.06, 1),
        "neuron.tau_m": Range(2, 20),
        "neuron.tau_s": Range(1, 10),
    }

    def build(self, spec: NetworkSpec, parameters: EventPropParameters, *, backend: str = "auto") -> EventPropModel:
        """Make a freshly initialised model."""
        model = SpikingEventPropModel if spec.sequences else EventPropModel
        return model(spec, parameters, backend)
