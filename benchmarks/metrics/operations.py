"""Synaptic operations of an inference, and the energy of their arithmetic; `counting.operations` says what counts."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict

from baselines.method import Model
from benchmarks.metrics.counting.operations import OperationMeter
from benchmarks.metrics.counting.spikes import ActivityMeter
from benchmarks.metrics.metric import Column, FinishedTraining, Metric

_ENERGY = (
    "4.6 pJ a MAC and 0.9 pJ an AC, from `synops` and from `{macs}`, in nanojoules an inference: 32-bit floating "
    "point in 45 nm (Horowitz 2014); arithmetic only, no memory"
)


class Operations(Metric):
    """Of the final model, mean over the test samples; nothing if they cannot be counted."""

    name = "operations"
    columns = (
        Column(
            name="synops",
            about="accumulates (AC) an inference, mean over test samples: spikes times fan-out, summed over all "
            "layers and time steps; the fan-out of a neuron is the number of synapses with a weight other than 0 "
            "that its spike reaches, exact at borders and through pooling. Spikes of an event input count, too",
            heading="synops",
        ),
        Column(
            name="macs",
            about="multiply-accumulates (MAC) an inference, mean over test samples: values other than 0 that are no "
            "spikes (pixels of images, activations of the ReLU network), times fan-out. Those of a constant image "
            "count once, as they are computed once",
            heading="MACs",
        ),
        Column(
            name="macs_every_step",
            about="the same if those of an image count in each of the T time steps: the usual convention",
        ),
        Column(
            name="dense_operations",
            about="connections, whatever value and weight, times the time steps in which they are computed (the "
            "first layer of a constant image: once), an inference",
        ),
        Column(name="energy_nj", unit="nJ", about=_ENERGY.format(macs="macs"), heading="energy nJ"),
        Column(
            name="energy_every_step_nj",
            unit="nJ",
            about=_ENERGY.format(macs="macs_every_step"),
            heading="energy nJ, image every step",
        ),
    )

    def watching(self, model: Model, spikes: ActivityMeter) -> AbstractContextManager[object]:
        """Count what is no spike."""
        self._meter = OperationMeter(model, spikes)
        return self._meter.watching()

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Of one inference."""
        del run
        found = self._meter.result()
        return {} if found is None else asdict(found)
