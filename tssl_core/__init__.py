"""TSSL-BP: training deep spiking networks through spike times (Zhang & Li, NeurIPS 2020).

What is named here is imported when it is first asked for: `tssl_core.errors` is there without torch, which takes
seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tssl_core.architecture import Architecture, parse_architecture
    from tssl_core.errors import ArchitectureError, BackendUnavailableError, ParameterError, PretrainedError, TSSLError
    from tssl_core.function import spiking_psc
    from tssl_core.losses import softmax_loss, spike_count_loss, spike_train_loss, van_rossum_loss
    from tssl_core.network import Network, SpikingNetwork
    from tssl_core.params import LIFParams, TSSLParams
    from tssl_core.pretrained import Pretrained, load_pretrained, pretrained_networks
    from tssl_core.psc import constant_input_gain, psc_filter, spikes_from_psc, unfiltered
    from tssl_core.targets import filtered_train, of_true_class, target_psc, target_spike_train

__all__ = [
    "Architecture",
    "ArchitectureError",
    "BackendUnavailableError",
    "LIFParams",
    "Network",
    "ParameterError",
    "Pretrained",
    "PretrainedError",
    "SpikingNetwork",
    "TSSLError",
    "TSSLParams",
    "constant_input_gain",
    "filtered_train",
    "load_pretrained",
    "of_true_class",
    "parse_architecture",
    "pretrained_networks",
    "psc_filter",
    "softmax_loss",
    "spike_count_loss",
    "spike_train_loss",
    "spikes_from_psc",
    "spiking_psc",
    "target_psc",
    "target_spike_train",
    "unfiltered",
    "van_rossum_loss",
]

_MODULES = ("architecture", "errors", "function", "losses", "network", "params", "pretrained", "psc", "targets")


def __getattr__(name: str) -> Any:
    """Import what `__all__` names from the module that defines it."""
    if name in __all__:
        for module in map(import_module, (f"tssl_core.{name}" for name in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'tssl_core' has no attribute {name!r}")
