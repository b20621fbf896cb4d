"""Variants of TSSL-BP by name: published versions of the authors' code, and the last version with one thing changed.

Commits are those of the authors' repository, github.com/stonezwr/TSSL-BP. A preset holds the neuron, the gradient and
the target; learning rate, batch size and epochs, which changed as well, belong to a study. docs/math.md says which
versions cannot be expressed and are therefore not here.
"""

from collections.abc import Mapping
from typing import Any

_GRADIENT_OF_2020 = {
    "gate": "layer",
    "layer_rate": 0.1,
    "inverse_min": -10.0,
    "inverse_max": 10.0,
    "intra_neuron": False,
}
"""A whole layer that spikes in at most a tenth of all steps takes the surrogate; an intra-neuron term comes on top."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # The paper's text, and the code until 87a678f of 29 October 2020, filter the target once.
    "single-filter": {"filter_passes": 1},
    # d0a06b7 of 2 June 2020, "ready for submission": the intra-neuron term is commented out.
    "paper-2020-06": {
        "lif": {"tau_s": 2.0},
        "gradient": _GRADIENT_OF_2020,
        "target_pattern": "paper",
        "filter_passes": 1,
    },
    # 6e40449 of September 2020, "final version": as in June, with an intra-neuron term by a matrix of resets.
    "paper-2020-09": {
        "lif": {"tau_s": 2.0},
        "gradient": _GRADIENT_OF_2020,
        "reset_matrix": True,
        "target_pattern": "paper",
        "filter_passes": 1,
    },
    # 1d46185 and 87a678f of October 2020: the gradient of September, today's target.
    "code-2020-10": {
        "lif": {"tau_s": 2.0},
        "gradient": _GRADIENT_OF_2020,
        "reset_matrix": True,
    },
    # The paper's text: the surrogate for a warm-up, spike times alone after it. Its length is not known; 1 epoch here.
    "warm-up": {"gradient": {"gate": "never"}, "warm_up_epochs": 1},
    # What issue 2 of the authors' repository reports of CIFAR10: about as good as the whole method.
    "surrogate-only": {"gradient": {"gate": "always"}},
    # The gradient through spike times without any help.
    "timing-only": {"gradient": {"gate": "never"}},
    # As in June 2020: no error through a neuron's own later spikes.
    "no-intra": {"gradient": {"intra_neuron": False}},
    # The gate of the versions until 1 December 2020.
    "layer-gate": {"gradient": {"gate": "layer", "layer_rate": 0.1}},
    # The clamp of the versions until 3 December 2020.
    "clamp-10": {"gradient": {"inverse_min": -10.0, "inverse_max": 10.0}},
    # The target in the paper, and in the code until 1d46185 of 1 October 2020; still filtered twice.
    "target-01011": {"target_pattern": "01011"},
    # The synaptic time constant until d9d38d6 of 2 December 2020.
    "tau-s-2": {"lif": {"tau_s": 2.0}},
}
