"""SLAYER (Shrestha & Orchard, NeurIPS 2018); the neuron and its gradient are in `baselines.neurons.spike_response`.

How the defaults differ from what was published, which is for windows of 300 steps and is the preset ``nmnist``:

- A layer responds to spikes in the step in which they arrive. With the published delay of one step a layer, the
  spikes of a network of four layers reach the output in the last of 5 steps only.
- Pooling hands on the sum of spikes, times 1.1, and has no neurons, which would take time to charge.
- The time constant of the response is 1.5 steps, the refractory response half as deep, and the output is to spike in
  8 of 10 steps for the true class and never for the others.
- In all presets: the weights are scaled as they are used and not once at the start, and the optimiser and its
  settings, the image's current and the clipping of the gradient are those of all methods.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from baselines.method import Method, Model, NetworkSpec
from baselines.neurons.spike_response import SPIKE_RESPONSE, SpikeResponseNeuron, SRMParams
from baselines.search import Range, Space
from tssl_core import Network
from tssl_core.architecture import Pool
from tssl_core.errors import ParameterError
from tssl_core.layers import SUM_POOL_GAIN, SumPool, layers_with_weights


@dataclass(frozen=True, kw_only=True)
class SLAYERParameters:
    """What can be set; the defaults are for windows of a few steps, preset ``nmnist`` is the published long one.

    Parameters
    ----------
    neuron : SRMParams
        Neuron parameters.
    dense_scale, conv_scale : float
        Factors on the weights of fully connected and convolutional layers. The public code multiplies the initial
        weights instead; all methods here start from the same weights. For fully connected layers the default is the
        published one over the threshold; for convolutions it is a tenth of that.
    spiking_pool : bool
        Whether pooling layers have neurons, driven by 1.1 thresholds times the sum of the spikes in the window, as
        published; or hand on 1.1 times the sum itself. Behind each layer of neurons some steps of a window are lost.
    true_rate, false_rate : float
        Spikes a time step that are wanted of the true class and of the others, in [0, 1].
    """

    neuron: SRMParams = field(default_factory=SRMParams)
    dense_scale: float = 0.4
    conv_scale: float = 1.0
    spiking_pool: bool = False
    true_rate: float = 0.8
    false_rate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that would only fail in the middle of a run."""
        for name in ("dense_scale", "conv_scale"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; expected a positive number")
        if not 0 <= self.false_rate < self.true_rate <= 1:
            raise ParameterError(
                f"true_rate is {self.true_rate!r} and false_rate {self.false_rate!r}; "
                f"expected spikes a time step, 0 <= false_rate < true_rate <= 1"
            )


class Scaled(nn.Module):
    """Weights times a constant factor, as a parametrization: parameters, and so initial weights, stay as they are."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights that the layer uses."""
        return self.factor * weight


class SLAYERModel(Model):
    """Spike response neurons that exchange spikes, trained by the spike-count loss."""

    def __init__(self, spec: NetworkSpec, parameters: SLAYERParameters, backend: str) -> None:
        super().__init__()
        self.time_steps, self.parameters_ = spec.time_steps, parameters

        def neuron() -> SpikeResponseNeuron:
            return SpikeResponseNeuron(parameters.neuron, backend=backend)

        def pool(size: int) -> SumPool:
            current_of_a_spike = parameters.neuron.threshold if parameters.spiking_pool else 1.0
            return SumPool(size, gain=SUM_POOL_GAIN * current_of_a_spike)

        self.network = Network(
            spec.architecture,
            spec.input_shape,
            spec.classes,
            neuron=neuron,
            output_neuron=neuron,
            pool=pool,
            pool_neuron=neuron if parameters.spiking_pool else None,
            initial_weights=spec.initial_weights,
            norm_scale=spec.norm_scale(parameters.neuron.threshold),
        )
        for layer in layers_with_weights(self.network):
            factor = parameters.conv_scale if isinstance(layer, nn.Conv2d) else parameters.dense_scale
            parametrize.register_parametrization(layer, "weight", Scaled(factor))

    def forward(self, inputs: Tensor) -> Tensor:
        """Output spikes ``[T, B, classes]`` of images ``[B, C, H, W]`` or spikes ``[T, B, C, H, W]``.

        An image is a current that is constant over the window; the first neurons filter it, as they do spikes.
        """
        return self.network.encode_directly(inputs, self.time_steps)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Spike-count loss ``T/2 sum_c e_c^2`` with ``e = (count - wanted count) / T``, summed over the batch.

        Its gradient is e in each time step, as in the public code.
        """
        is_true = F.one_hot(labels, output.shape[-1]).bool()
        wanted = torch.where(is_true, self.parameters_.true_rate, self.parameters_.false_rate).to(output.dtype)
        return 0.5 * output.shape[0] * (output.mean(0) - wanted).square().sum()


class SLAYER(Method):
    """Spike layer error reassignment in time."""

    name = "slayer"
    title = "SLAYER"
    neurons = SPIKE_RESPONSE
    Parameters = SLAYERParameters
    search_space: ClassVar[Space] = {
        "neuron.tau_s": Range(1, 6),
        "true_rate": Range(0.2, 1, log=False),
        "dense_scale": Range(0.1, 4),
    }
    # The public examples for N-MNIST: 300 steps of 1 ms, 60 spikes of the true class and 10 of the others. They draw
    # the weights of all layers uniformly within 1 / sqrt(fan_in), times 10 or, in convolutions, 100. Fully connected
    # layers here are drawn with sqrt(6) times that standard deviation, and with initial weights `kaiming_normal`
    # convolutions as well, whose factor would then have to be 100 / sqrt(6).
    presets = {  # noqa: RUF012
        "nmnist": {
            "neuron": {
                "threshold": 10.0,
                "tau_s": 10.0,
                "tau_ref": 1.0,
                "refractory_scale": 2.0,
                "surrogate_width": 1.0,
                "surrogate_scale": 1.0,
                "delay": True,
            },
            "dense_scale": 10 / 6**0.5,
            "conv_scale": 100.0,
            "spiking_pool": True,
            "true_rate": 60 / 300,
            "false_rate": 10 / 300,
        }
    }

    def supports(self, spec: NetworkSpec, parameters: SLAYERParameters) -> str | None:
        """With the published delay, a window in which no spike can reach the output is of no use."""
        layers = spec.architecture.layers
        depth = 1 + sum(parameters.spiking_pool or not isinstance(layer, Pool) for layer in layers)
        if not parameters.neuron.delay or spec.time_steps > depth:
            return None
        return (
            f"T = {spec.time_steps} is too short for {depth} layers of neurons that each respond a step after their "
            f"input: the output would stay silent; expected at least {depth + 1} time steps, or neuron.delay = false"
        )

    def build(self, spec: NetworkSpec, parameters: SLAYERParameters, *, backend: str = "auto") -> SLAYERModel:
        """Make a freshly initialised model."""
        return SLAYERModel(spec, parameters, backend)
