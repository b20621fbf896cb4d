"""Parameters of the neuron and of its gradient, and the table of symbols used everywhere.

==========  =====================  ==========================================================
paper       code                   meaning
==========  =====================  ==========================================================
T           ``time_steps``         length of the simulated window, in time steps
tau_m       ``tau_m``              membrane time constant, in time steps
tau_s       ``tau_s``              synaptic time constant, in time steps
u[t]        ``u``                  membrane potential before a possible reset
s[t]        ``spike``              1 where u[t] > threshold, else 0
a[t]        ``psc``                postsynaptic current: the spike train filtered by epsilon
I[t]        ``current``            input of the neuron, W a_pre[t]
epsilon(k)                         PSC kernel, (1/tau_s) (1 - 1/tau_s)^k; its sum over k is 1
d           ``target``             desired spike train
==========  =====================  ==========================================================
"""

from dataclasses import dataclass
from typing import Literal, get_args

from tssl_core.errors import ParameterError

SurrogateGate = Literal["neuron", "layer", "always", "never"]


def _require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise ParameterError(f"{name} is {value!r}; expected {expected}")


@dataclass(frozen=True, kw_only=True)
class LIFParams:
    """Leaky integrate-and-fire neuron with a first-order synapse (Zhang & Li 2020).

    Parameters
    ----------
    tau_m, tau_s : float
        Membrane and synaptic time constants in time steps, at least 1.
    threshold : float
        Firing threshold; a neuron spikes where its membrane potential is strictly above it.
    """

    tau_m: float = 5.0
    tau_s: float = 3.0
    threshold: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values for which the Euler step of the neuron has no meaning."""
        _require(self.tau_m >= 1, "tau_m", self.tau_m, "a time constant of at least 1 time step")
        _require(self.tau_s >= 1, "tau_s", self.tau_s, "a time constant of at least 1 time step")
        _require(self.threshold > 0, "threshold", self.threshold, "a positive threshold")


@dataclass(frozen=True, kw_only=True)
class TSSLParams:
    """The TSSL-BP gradient and its published variants; the defaults are the authors' last version.

    Parameters
    ----------
    gate : {"neuron", "layer", "always", "never"}
        Where the surrogate gradient replaces the spike-timing gradient: per neuron and time step, where
        the PSC is below 1 / (4 tau_s), that is where no spike fell within the last few steps (``neuron``);
        in a whole layer whose mean spike rate is at most `layer_rate` (``layer``, the 2020 versions);
        everywhere, or nowhere.
    layer_rate : float
        Mean spikes per neuron and time step under which the ``layer`` gate takes the surrogate.
    inverse_min, inverse_max : float
        Clamp of 1 / delta u, the slope of the firing time in the membrane potential. [0, 8] in the last
        version, [-10, 10] before.
    intra_neuron : bool
        Whether the error also flows through the neuron's own later spikes (reset and leak). Off in the
        version of June 2020.
    surrogate_width : float
        Width of the logistic surrogate, in units of the membrane potential.
    """

    gate: SurrogateGate = "neuron"
    layer_rate: float = 0.1
    inverse_min: float = 0.0
    inverse_max: float = 8.0
    intra_neuron: bool = True
    surrogate_width: float = 0.2

    def __post_init__(self) -> None:
        """Refuse unknown gates and empty ranges."""
        gates = get_args(SurrogateGate)
        _require(self.gate in gates, "gate", self.gate, "one of " + ", ".join(gates))
        _require(0 <= self.layer_rate <= 1, "layer_rate", self.layer_rate, "a rate between 0 and 1")
        _require(
            self.inverse_min <= self.inverse_max,
            "inverse_min",
            self.inverse_min,
            f"at most inverse_max = {self.inverse_max!r}",
        )
        _require(self.surrogate_width > 0, "surrogate_width", self.surrogate_width, "a positive width")
