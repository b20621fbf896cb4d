"""The conventional twin of the spiking network: ReLU instead of spikes, average pooling, cross entropy."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import Method, Model, NetworkSpec
from tssl_core import Network
from tssl_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class ANNParameters:
    """The size of the first weights; the architecture says all the rest.

    Parameters
    ----------
    initial_conv_scale : float
        Factor on the first weights of convolutions. Weights that suit spiking neurons make activations grow or fade
        from layer to layer. Those of He et al. 2015, for ReLU, are the initial weights `kaiming_normal`: where an
        architecture says ``w5``, ``1 / 5`` gives them. PyTorch's default is narrower by sqrt(6), so that from it
        ``6 ** 0.5 / 5`` does.
    """

    initial_conv_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        if not self.initial_conv_scale > 0:
            raise ParameterError(f"initial_conv_scale is {self.initial_conv_scale}; expected a positive number")


class ANNModel(Model):
    """Same layers, weights and initialisation as the spiking network, without time (T = 1).

    Parameters
    ----------
    spec : NetworkSpec
        What to solve.
    parameters : ANNParameters
        See there.
    neuron : callable
        Makes the neurons of one hidden layer, a module on ``[1, B, ...]`` without parameters.
    """

    def __init__(
        self, spec: NetworkSpec, parameters: ANNParameters, *, neuron: Callable[[], nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        self.network = Network(
            spec.architecture,
            spec.input_shape,
            spec.classes,
            neuron=neuron,
            output_neuron=nn.Identity,
            pool=nn.AvgPool2d,
            initial_weights=spec.initial_weights,
            norm_scale=spec.norm_scale(),
        )
        with torch.no_grad():
            for layer in self.network.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.weight.mul_(parameters.initial_conv_scale)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``[1, B, classes]`` of images ``[B, C, H, W]``."""
        return self.network.encode_directly(inputs, 1)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy, summed over the batch."""
        return F.cross_entropy(output.sum(0), labels, reduction="sum")


class ANN(Method):
    """Conventional network, trained by backpropagation."""

    name = "ann"
    title = "ANN (ReLU)"
    spiking = False
    Parameters = ANNParameters

    def supports(self, spec: NetworkSpec, parameters: ANNParameters) -> str | None:
        """Static images only: spike trains would need a choice of how to sum them over time."""
        del parameters
        return "the ReLU network takes images, not spike trains" if spec.events else None

    def build(self, spec: NetworkSpec, parameters: ANNParameters, *, backend: str = "auto") -> ANNModel:
        """Make a freshly initialised model; it has no neurons that a backend could run."""
        del backend
        return ANNModel(spec, parameters)
