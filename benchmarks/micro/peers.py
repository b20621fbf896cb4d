"""The same neurons and networks in other libraries, to be timed beside the suite's own.

Each library runs the suite's neuron: decay 1 - 1 / tau_m, hard reset to 0 within the step of the spike. It puts out
spikes; the suite's neuron puts out the PSC, and so does the synaptic filter as well. What stands for the derivative of
a spike is the library's own: its default, and for SpikingJelly, whose default is a logistic function, the arctangent
that snnTorch takes too.

Whatever is not the neuron is equal: `tssl_core.Network` draws the weights, pools by sums, computes the layers before
the first neuron once for a constant image, and gives a convolution all time steps in one call, as SpikingJelly's
``SeqToANNContainer`` does. The tutorials of snnTorch and Norse loop over time around the whole network instead; the
result is the same.

On the CPU all three are PyTorch code; SpikingJelly's kernels are for CUDA. lava-dl is left out: it has no release
for Python 3.11 or newer.
"""

import importlib.util
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import metadata
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import Model, NetworkSpec
from benchmarks.micro.recurrence import Recurrence, arctan_primitive, superspike_primitive
from tssl_core import LIFParams, Network
from tssl_core.layers import SumPool


class Peer(ABC):
    """A library with spiking neurons.

    Attributes
    ----------
    name : str
        Of its package, for import and for installation.
    title : str
        What tables call it.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def neuron(self, lif: LIFParams) -> nn.Module:
        """Make the neurons of one layer: current ``[T, B, ...]`` to spikes of that shape, from rest in each call."""

    @abstractmethod
    def recurrence(self, lif: LIFParams) -> Recurrence:
        """Declare what `neuron` computes."""

    def missing(self) -> str | None:
        """Why the library cannot be used here, or None if it can."""
        if importlib.util.find_spec(self.name) is not None:
            return None
        return f"{self.name} is not installed; pip install -e '.[peers]' brings it"

    def version(self) -> str:
        """Version of the installed library."""
        return metadata.version(self.name)


class SpikingJelly(Peer):
    """``LIFNode`` in multi-step mode, with the arctangent surrogate and a detached reset."""

    name = "spikingjelly"
    title = "SpikingJelly"

    def neuron(self, lif: LIFParams) -> nn.Module:
        """Make a node that is reset before each sequence."""
        return _SpikingJellyLIF(lif)

    def recurrence(self, lif: LIFParams) -> Recurrence:
        """Leak first, then the input; spikes at the threshold already."""
        return Recurrence(
            charge=lambda v, current: v - v / lif.tau_m + current,
            threshold=lif.threshold,
            at_threshold=True,
            primitive=arctan_primitive,
            detach_reset=True,
        )


class _SpikingJellyLIF(nn.Module):
    def __init__(self, lif: LIFParams) -> None:
        super().__init__()
        from spikingjelly.activation_based import neuron, surrogate

        self.node = neuron.LIFNode(
            tau=lif.tau_m,
            decay_input=False,
            v_threshold=lif.threshold,
            v_reset=0.0,
            surrogate_function=surrogate.ATan(),
            detach_reset=True,
            step_mode="m",
        )

    def forward(self, current: Tensor) -> Tensor:
        self.node.reset()
        spikes: Tensor = self.node(current)
        return spikes


class SnnTorch(Peer):
    """``Leaky`` in a loop over time, with its default surrogate, the arctangent."""

    name = "snntorch"
    title = "snnTorch"

    def neuron(self, lif: LIFParams) -> nn.Module:
        """Make a loop around one ``Leaky``."""
        return _SnnTorchLIF(lif)

    def recurrence(self, lif: LIFParams) -> Recurrence:
        """Written with the decay; the library resets at the start of the next step, which comes to the same."""
        decay = 1 - 1 / lif.tau_m
        return Recurrence(
            charge=lambda v, current: decay * v + current,
            threshold=lif.threshold,
            at_threshold=False,
            primitive=arctan_primitive,
            detach_reset=True,
        )


class _SnnTorchLIF(nn.Module):
    def __init__(self, lif: LIFParams) -> None:
        super().__init__()
        import snntorch

        self.leaky = snntorch.Leaky(beta=1 - 1 / lif.tau_m, threshold=lif.threshold, reset_mechanism="zero")

    def forward(self, current: Tensor) -> Tensor:
        membrane = self.leaky.reset_mem()
        spikes = []
        for step in current:
            spike, membrane = self.leaky(step, membrane)
            spikes.append(spike)
        return torch.stack(spikes)


class Norse(Peer):
    """``LIFBoxCell``, its neuron without a synaptic current, in a loop over time, with its default, SuperSpike.

    The loop is plain: Norse's own ``Lift`` takes the time steps by index, which makes a gradient of the whole sequence
    for each of them, and so a backward pass that is quadratic in T. The cell's input decays with the membrane
    potential, so that v is the suite's u / tau_m; the threshold is scaled alike.
    """

    name = "norse"
    title = "Norse"

    def neuron(self, lif: LIFParams) -> nn.Module:
        """Make a loop around one cell; time is measured in time steps."""
        return _NorseLIF(lif)

    def recurrence(self, lif: LIFParams) -> Recurrence:
        """Low-pass filter of the input; the gradient also goes through the reset."""
        rate = 1 / lif.tau_m
        return Recurrence(
            charge=lambda v, current: v + rate * (current - v),
            threshold=lif.threshold / lif.tau_m,
            at_threshold=False,
            primitive=superspike_primitive,
            detach_reset=False,
        )


class _NorseLIF(nn.Module):
    def __init__(self, lif: LIFParams) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # Norse compiles some of its functions while it is imported, in a way that PyTorch has deprecated.
            warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
            from norse import torch as norse

        parameters = norse.LIFBoxParameters(
            tau_mem_inv=torch.as_tensor(1 / lif.tau_m), v_th=torch.as_tensor(lif.threshold / lif.tau_m)
        )
        self.cell = norse.LIFBoxCell(parameters, dt=1.0)

    def forward(self, current: Tensor) -> Tensor:
        state = None
        spikes = []
        for step in current:
            spike, state = self.cell(step, state)
            spikes.append(spike)
        return torch.stack(spikes)


PEERS: tuple[Peer, ...] = (SpikingJelly(), SnnTorch(), Norse())


class SpikeCountModel(Model):
    """The suite's network around any spiking neuron, trained on spike counts.

    Parameters
    ----------
    spec : NetworkSpec
        Architecture, shapes and number of time steps.
    neuron : callable
        Makes the neurons of one layer, ``[T, B, ...]`` to spikes.
    """

    def __init__(self, spec: NetworkSpec, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.time_steps = spec.time_steps
        self.network = Network(
            spec.architecture,
            spec.input_shape,
            spec.classes,
            neuron=neuron,
            output_neuron=neuron,
            pool=SumPool,
            initial_weights=spec.initial_weights,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Output spikes ``[T, B, classes]`` of images ``[B, C, H, W]``, held constant."""
        output: Tensor = self.network(inputs, torch.ones(self.time_steps, dtype=inputs.dtype, device=inputs.device))
        return output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy of the spike counts, summed over the batch."""
        return F.cross_entropy(output.sum(0), labels, reduction="sum")
