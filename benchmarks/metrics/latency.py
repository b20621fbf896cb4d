"""Wall time of inference."""

import time
from collections.abc import Mapping, Sequence
from statistics import median, quantiles

import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.datasets.samples.split import Split
from benchmarks.metrics.metric import Column, FinishedTraining, Metric
from benchmarks.platform.synchronisation import synchronise

LATENCY_BATCH = 100
LATENCY_WARM_UP, LATENCY_REPEATS = 3, 10


def inference_latency(model: Model, split: Split, device: torch.device) -> dict[str, float]:
    """Time the first samples of a split; warmed up, synchronised, and without the loading of the data.

    Parameters
    ----------
    model : Model
        Left in evaluation mode.
    split, device
        Where the samples come from, and where the model is. With fewer than 100 samples the batch has all of them.

    Returns
    -------
    dict
        See `Latency`; in milliseconds.
    """
    model.eval()
    inputs, _ = split.batch(torch.arange(min(LATENCY_BATCH, len(split))))
    inputs = inputs.to(device)
    axis = inputs.dim() - 4  # of the samples: images [B, C, H, W], spikes [T, B, C, H, W]
    batch, batch_iqr = median_and_iqr(repeated_times(model, inputs, device))
    single, single_iqr = median_and_iqr(repeated_times(model, inputs.narrow(axis, 0, 1).contiguous(), device))
    samples, milliseconds = inputs.shape[axis], 1000
    return {
        "latency_ms": milliseconds * batch / samples,
        "latency_ms_iqr": milliseconds * batch_iqr / samples,
        "latency_ms_single": milliseconds * single,
        "latency_ms_single_iqr": milliseconds * single_iqr,
    }


@torch.no_grad()
def repeated_times(model: Model, inputs: Tensor, device: torch.device) -> list[float]:
    """Seconds that the model takes for the same inputs, again and again, after the warm-up."""
    times = []
    for _ in range(LATENCY_WARM_UP + LATENCY_REPEATS):
        synchronise(device)
        start = time.perf_counter()
        model(inputs)
        synchronise(device)
        times.append(time.perf_counter() - start)
    return times[LATENCY_WARM_UP:]


def median_and_iqr(values: Sequence[float]) -> tuple[float, float]:
    """Median, and distance of the quartiles, interpolated between values as NumPy does."""
    lower, _, upper = quantiles(values, n=4, method="inclusive")
    return median(values), upper - lower


class Latency(Metric):
    """Of the final model."""

    name = "latency"
    columns = (
        Column(
            name="latency_ms",
            unit="ms",
            varies=True,
            about="wall time of inference a sample in a batch of 100, in milliseconds: median of 10 after 3 for "
            "warm-up, synchronised, data already on the device. Latency in time steps is T",
            heading="ms/sample",
            text="{:.3f}",
        ),
        Column(
            name="latency_ms_iqr",
            unit="ms",
            varies=True,
            about="interquartile range of these 10, in milliseconds a sample",
        ),
        Column(
            name="latency_ms_single",
            unit="ms",
            varies=True,
            about="wall time of inference of one sample alone, in milliseconds, measured in the same way",
            heading="ms alone",
            text="{:.2f}",
        ),
        Column(name="latency_ms_single_iqr", unit="ms", varies=True, about="interquartile range of these 10"),
    )

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Time the first test samples."""
        return inference_latency(run.model, run.data.test, self.device)
