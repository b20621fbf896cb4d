"""What methods share whose networks are read by firing rates; no method itself."""

from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import Model, NetworkSpec
from baselines.neurons.iterative_lif import IterativeLIF, IterativeLIFParams
from tssl_core import Network


def rate_mean_squared_error(spikes: Tensor, labels: Tensor) -> Tensor:
    """Squared distance of firing rates and one-hot labels, summed over classes and batch (Wu et al. 2018).

    Parameters
    ----------
    spikes : Tensor
        ``[T, B, classes]``.
    labels : Tensor
        True classes, ``[B]``, int64.
    """
    rate = spikes.mean(0)
    return F.mse_loss(rate, F.one_hot(labels, rate.shape[-1]).to(rate.dtype), reduction="sum")


def rate_cross_entropy(spikes: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of firing rates as logits, summed over the batch; arguments as above."""
    return F.cross_entropy(spikes.mean(0), labels, reduction="sum")


class RateCodedModel(Model):
    """Iterative LIF neurons behind every layer; average pooling without neurons, no bias.

    An image is encoded directly: it is the input in every time step. With `spiking_output` set to False in a derived
    class the output layer has no neurons, and its output is its input current.

    Parameters
    ----------
    spec : NetworkSpec
        What to solve.
    params : IterativeLIFParams
        Of all neurons.
    backend : str
        See `IterativeLIF`.
    """

    def __init__(self, spec: NetworkSpec, params: IterativeLIFParams, backend: str) -> None:
        super().__init__()
        self.time_steps = spec.time_steps

        def neuron() -> IterativeLIF:
            return IterativeLIF(params, backend=backend)

        self.network = Network(
            spec.architecture,
            spec.input_shape,
            spec.classes,
            neuron=neuron,
            output_neuron=neuron if self.spiking_output else nn.Identity,
            pool=nn.AvgPool2d,
            initial_weights=spec.initial_weights,
            norm_scale=spec.norm_scale(params.threshold),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Output ``[T, B, classes]`` of images ``[B, C, H, W]`` or a spike train ``[T, B, C, H, W]``."""
        return self.network.encode_directly(inputs, self.time_steps)
