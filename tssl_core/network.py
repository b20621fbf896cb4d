"""From layer specifications to a module; the same skeleton serves every method."""

import functools
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tssl_core.architecture import Architecture, Conv, Dense, InitialWeights, InputShape, Pool
from tssl_core.errors import ParameterError
from tssl_core.fusing import run_fused
from tssl_core.layers import SumPool, TimeConstantDropout, TimeFirst, TSSLNeuron, synapse
from tssl_core.normalisation import TimeBatchNorm
from tssl_core.params import LIFParams, TSSLParams
from tssl_core.psc import constant_input_gain, psc_filter


class Network(nn.Module):
    """Synapses, neurons, pooling and dropout in the order of an architecture, time first.

    Parameters
    ----------
    architecture : Architecture
        Hidden layers.
    input_shape : (int, int, int)
        Channels, height and width of the input.
    classes : int
        Neurons of the output layer.
    neuron : callable
        Makes the neurons of one hidden layer, a module on ``[T, B, ...]``.
    output_neuron : callable
        Makes the neurons of the output layer.
    pool : callable
        Makes a pooling module on ``[N, C, H, W]`` from a window size.
    pool_neuron : callable, optional
        Makes the neurons behind a pooling module; without it pooling has none.
    initial_weights : {"pytorch_default", "kaiming_normal"}
        Of convolutions, see `tssl_core.layers.synapse`.
    norm_scale : float, optional
        With it the currents of hidden layers are normalised over time and batch and scaled by it, see `TimeBatchNorm`:
        the threshold of the neurons.

    Raises
    ------
    ArchitectureError
        If the architecture does not fit the input.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_shape: InputShape,
        classes: int,
        *,
        neuron: Callable[[], nn.Module],
        output_neuron: Callable[[], nn.Module],
        pool: Callable[[int], nn.Module],
        pool_neuron: Callable[[], nn.Module] | None = None,
        initial_weights: InitialWeights = "pytorch_default",
        norm_scale: float | None = None,
    ) -> None:
        super().__init__()
        before_first_neuron: OrderedDict[str, nn.Module] = OrderedDict()
        rest: OrderedDict[str, nn.Module] = OrderedDict()
        shapes = [input_shape, *architecture.output_shapes(input_shape)]
        layers = [*architecture.layers, Dense(features=classes)]
        for position, (spec, shape) in enumerate(zip(layers, shapes, strict=True), start=1):
            is_output = position == len(layers)
            name = "output" if is_output else f"layer{position}"
            part = rest if rest else before_first_neuron
            if isinstance(spec, Pool):
                part[f"{name}_pool"] = TimeFirst(pool(spec.size))
                make_neuron = pool_neuron
            else:
                weights = synapse(spec, shape, initial_weights=initial_weights)
                flatten = [] if isinstance(spec, Conv) else [nn.Flatten(1)]
                part[f"{name}_synapse"] = TimeFirst(nn.Sequential(*flatten, weights))
                make_neuron = output_neuron if is_output else neuron
                if norm_scale is not None and not is_output:
                    channels = spec.channels if isinstance(spec, Conv) else spec.features
                    rest[f"{name}_norm"] = TimeBatchNorm(channels, norm_scale)
            if make_neuron is not None:
                rest[f"{name}_neuron"] = make_neuron()
                part = rest
            if spec.dropout:
                part[f"{name}_dropout"] = TimeConstantDropout(spec.dropout)
        self.before_first_neuron = nn.Sequential(before_first_neuron)
        self.rest = nn.Sequential(rest)

    def forward(self, x: Tensor, gain: Tensor | None = None) -> Tensor:
        """Run the network over all time steps.

        Parameters
        ----------
        x : Tensor
            ``[T, B, C, H, W]``; or, with `gain`, a constant input ``[B, C, H, W]``.
        gain : Tensor, optional
            ``[T]``: the input in time step t is ``gain[t] x``. As everything before the first neuron, or its
            normalisation, is linear, it is then computed once and scaled, instead of T times.

        Returns
        -------
        Tensor
            Output of the last layer, ``[T, B, classes]``.
        """
        current = self.before_first_neuron(x if gain is None else x.unsqueeze(0))
        return run_fused(list(self.rest), current, gain)

    def encode_directly(self, x: Tensor, time_steps: int) -> Tensor:
        """Run on spikes ``[T, B, C, H, W]``, or on images ``[B, C, H, W]`` that are the input of every time step."""
        output: Tensor = self(x, x.new_ones(time_steps) if x.dim() == 4 else None)
        return output


class SpikingNetwork(nn.Module):
    """The network of Zhang & Li 2020: LIF neurons that exchange PSCs, sum pooling, LIF output layer.

    Parameters
    ----------
    architecture, input_shape, classes
        See `Network`.
    lif : LIFParams, optional
        Neuron parameters.
    tssl : TSSLParams, optional
        Variant of the gradient.
    backend : str
        See `spiking_psc`.
    neuron_type : type
        Of every neuron, hidden and output.
    initial_weights : {"pytorch_default", "kaiming_normal"}
        See `Network`.
    batch_norm : bool
        Whether the currents of hidden layers are normalised, with the threshold for scale.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_shape: InputShape,
        classes: int,
        *,
        lif: LIFParams | None = None,
        tssl: TSSLParams | None = None,
        backend: str = "auto",
        neuron_type: type[TSSLNeuron] = TSSLNeuron,
        initial_weights: InitialWeights = "pytorch_default",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.lif = lif or LIFParams()
        variant = tssl or TSSLParams()

        def neuron() -> TSSLNeuron:
            return neuron_type(self.lif, variant, backend=backend)

        self.layers = Network(
            architecture,
            input_shape,
            classes,
            neuron=neuron,
            output_neuron=neuron,
            pool=SumPool,
            initial_weights=initial_weights,
            norm_scale=self.lif.threshold if batch_norm else None,
        )

    def forward(self, x: Tensor, time_steps: int | None = None) -> Tensor:
        """Return the output PSC ``[T, B, classes]``.

        Parameters
        ----------
        x : Tensor
            Images ``[B, C, H, W]``, held constant for `time_steps`; or spikes ``[T, B, C, H, W]``.
        time_steps : int, optional
            T; needed for images, and of no use for spikes.
        """
        if x.dim() == 5:
            return self.layers(psc_filter(x, self.lif.tau_s))  # type: ignore[no-any-return]
        if x.dim() != 4:
            raise ParameterError(
                f"input has shape {tuple(x.shape)}; expected images [B, C, H, W] or spikes [T, B, C, H, W]"
            )
        if time_steps is None or time_steps < 1:
            raise ParameterError(f"time_steps is {time_steps}; expected at least 1 for constant images")
        return self.layers(x, _gain(time_steps, self.lif.tau_s, x.dtype, x.device))  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _gain(time_steps: int, tau_s: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """`constant_input_gain`, computed once: in each step it would take as long as a small layer."""
    return constant_input_gain(time_steps, tau_s, dtype=dtype, device=device)
