"""How much a network spikes: silent neurons, firing rates, and how often each neuron spikes."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from benchmarks.metrics.counting.spikes import spike_histogram
from benchmarks.metrics.metric import Column, FinishedTraining, Metric


class Activity(Metric):
    """Of the final model on the test set; nothing without spikes."""

    name = "activity"
    columns = (
        Column(
            name="silent_fraction",
            unit="fraction",
            about="pairs of a test sample and a hidden neuron without a spike in the whole window, over all such "
            "pairs; the input has no neurons, and pooling has none unless the method gives it some, which then count",
        ),
        Column(
            name="silent_fraction_with_output",
            unit="fraction",
            about="the same, output layer included if it spikes",
        ),
        Column(
            name="never_fraction",
            unit="fraction",
            about="hidden neurons that spike for no test sample, over all hidden neurons",
        ),
        Column(
            name="never_fraction_with_output", unit="fraction", about="the same, output layer included if it spikes"
        ),
        Column(name="firing_rate", unit="a time step", about="spikes a hidden neuron and time step"),
        Column(
            name="spikes_per_inference",
            about="spikes of all hidden neurons, and of the output layer if it spikes, in the whole window: mean a "
            "test sample",
            heading="spikes",
        ),
    )
    tables: ClassVar[Mapping[str, str]] = {
        "layers": "silent fraction, never fraction, firing rate and spikes a sample of each layer, as "
        "`layers/NAME/...` in MLflow: `layer3` is the third of the architecture, pooling counted, `output` the "
        "output layer. With the number of neurons and the histogram of spike counts (pairs of a sample and a neuron "
        "with 0, 1, ... T spikes; the 101st entry is 100 and more)",
        "spike_histogram": "the histograms of all hidden layers together",
    }

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Of the hidden neurons, and of all."""
        found = run.spikes.result()
        return {} if found is None else asdict(found)

    def tables_of(self, run: FinishedTraining) -> Mapping[str, Any]:
        """Of each layer."""
        layers = run.spikes.layers()
        return {
            "layers": [asdict(layer) for layer in layers],
            "spike_histogram": spike_histogram(layers) if layers else (),
        }
