"""A trained TSSL-BP network as a graph of NIR, the exchange format of spiking networks, which other libraries read.

NIR (Pedersen et al., Nature Communications 2024) describes neurons by differential equations and leaves their
discretisation to the reader. Of `nir.CubaLIF`, a synapse before a membrane::

    tau_syn dI/dt = -I + w_in S          tau_mem dv/dt = v_leak - v + r I          v = v_reset where v > v_threshold

Euler's step of length dt, the current first, with ``tau_syn = tau_s dt``, ``w_in = tau_s``, ``tau_mem = tau_m dt``,
``r = tau_m``, ``v_leak = v_reset = 0`` is::

    I[t] = (1 - 1/tau_s) I[t-1] + S[t]            v[t] = (1 - 1/tau_m) v[t-1] + I[t]

and so the neuron of `tssl_core.reference` if S is W s / tau_s: the PSC filter is linear and the same for all neurons of
a layer, so that it may stand behind the weights instead of before them. What is linear goes into the weights of the
next layer: 1 / tau_s, and the gain of a pooling layer. A leaky integrator, `LI`, in the place of the synapse would be
closer to `tssl_core.reference`; no reader that was looked at knows it.

Output is the spikes of the output layer. The class is the argmax of their PSC summed over time, which the reader makes:
``psc_filter(spikes, tau_s).sum(0)``.
"""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from benchmarks.defaults import DEFAULT_DT
from benchmarks.errors import ExportError
from tssl_core.architecture import InputShape
from tssl_core.layers import SumPool, TimeConstantDropout, TimeFirst, TSSLNeuron
from tssl_core.network import SpikingNetwork
from tssl_core.params import LIFParams

if TYPE_CHECKING:
    import nir


def import_nir() -> Any:
    """Import NIR, which is optional.

    Raises
    ------
    ExportError
        If it is not installed; says how to install it.
    """
    try:
        import nir
    except ImportError as error:
        raise ExportError(
            "NIR is not installed, and its package writes the file: pip install 'tssl-bp-suite[export]', or in a "
            "checkout pip install -c constraints.txt -e '.[export]'"
        ) from error
    return nir


def to_nir(network: SpikingNetwork, input_shape: InputShape, *, dt: float = DEFAULT_DT) -> "nir.NIRGraph":
    """Return a network as a NIR graph, which ``nir.write(path, graph)`` puts into a file.

    Parameters
    ----------
    network : SpikingNetwork
        Trained or not; weights keep their type. Dropout is left out, as in evaluation mode.
    input_shape : (int, int, int)
        Channels, height and width of the input. In each time step the graph gets the image again, or the input spikes.
    dt : float
        Length of a time step in seconds. A reader has to be told the same one.

    Returns
    -------
    nir.NIRGraph
        A chain of ``Input``, ``Conv2d``, ``Linear``, ``SumPool2d``, ``Flatten``, ``CubaLIF`` and ``Output``; the nodes
        are called as the network's modules.

    Raises
    ------
    ExportError
        If NIR is not installed, `dt` is not positive, or a layer cannot be said in NIR: a normalised current has an
        offset, which no synapse filters.
    """
    if dt <= 0:
        raise ExportError(f"dt is {dt}; expected a positive number of seconds a time step")
    chain = _Chain(import_nir(), input_shape, network.lif, dt)
    for part in (network.layers.before_first_neuron, network.layers.rest):
        for name, module in part.named_children():
            chain.append(name, module)
    return chain.graph()


class _Chain:
    """Nodes one after the other, and what the weights of the next layer are still to be multiplied by."""

    def __init__(self, nir: Any, input_shape: InputShape, lif: LIFParams, dt: float) -> None:
        self.nir, self.lif, self.dt = nir, lif, dt
        self.shape: tuple[int, ...] = input_shape
        self.gain = 1.0
        self.nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(input_shape)})}

    def graph(self) -> Any:
        """All nodes with the edges between them; NIR checks that their shapes fit."""
        nodes = {**self.nodes, "output": self.nir.Output({"output": np.array(self.shape)})}
        names = list(nodes)
        return self.nir.NIRGraph(nodes, list(itertools.pairwise(names)))

    def append(self, name: str, module: nn.Module) -> None:
        """Add what a module of the network is in NIR."""
        match module:
            case TimeFirst(module=SumPool() as pool):
                self._pool(name, pool)
            case TimeFirst(module=nn.Sequential() as synapse):
                for part in synapse:
                    self._synapse(name, part)
            case TSSLNeuron():
                self.nodes[name] = self._neurons()
            case TimeConstantDropout():
                pass
            case _:
                raise ExportError(
                    f"{name} is a {type(module).__name__}, which NIR has no equal of; expected convolutions, fully "
                    "connected layers, sum pooling and LIF neurons: train without batch_norm to export"
                )

    def _pool(self, name: str, pool: SumPool) -> None:
        window = np.array((pool.size, pool.size))
        self.nodes[name] = self.nir.SumPool2d(kernel_size=window, stride=window, padding=np.array((0, 0)))
        self.gain *= pool.gain
        self.shape = (self.shape[0], *(side // pool.size for side in self.shape[1:]))

    def _synapse(self, name: str, layer: nn.Module) -> None:
        match layer:
            case nn.Flatten():
                # NIR counts axes without the batch.
                flat = self.nir.Flatten({"input": np.array(self.shape)}, start_dim=0, end_dim=-1)
                if len(self.shape) > 1:
                    self.nodes[name.replace("_synapse", "_flatten")] = flat
                    self.shape = (int(np.prod(self.shape)),)
            case nn.Linear():
                self.nodes[name] = self.nir.Linear(weight=self._weight(layer))
                self.shape = (layer.out_features,)
            case nn.Conv2d():
                weight = self._weight(layer)
                no_bias = np.zeros(layer.out_channels, weight.dtype)
                self.nodes[name] = self.nir.Conv2d(self.shape[1:], weight, 1, layer.padding, 1, 1, no_bias)
                self.shape = tuple(map(int, self.nodes[name].output_type["output"]))

    def _weight(self, layer: nn.Conv2d | nn.Linear) -> np.ndarray:
        """Weights times what is due; computed in float64 and rounded once."""
        weight = layer.weight.detach().cpu().numpy()
        scaled: np.ndarray = (weight.astype(np.float64) * (self.gain / self.lif.tau_s)).astype(weight.dtype)
        self.gain = 1.0
        return scaled

    def _neurons(self) -> Any:
        """The layer's neurons, each with the same parameters."""

        def each(value: float) -> np.ndarray:
            return np.full(self.shape, value, np.float64)

        lif = self.lif
        return self.nir.CubaLIF(
            tau_syn=each(lif.tau_s * self.dt),
            tau_mem=each(lif.tau_m * self.dt),
            r=each(lif.tau_m),
            v_leak=each(0),
            v_threshold=each(lif.threshold),
            v_reset=each(0),
            w_in=each(lif.tau_s),
        )
