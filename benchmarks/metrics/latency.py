"""Wall time of inference."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.datasets.samples.split import Split

LATENCY_BATCH = 100
LATENCY_WARM_UP, LATENCY_REPEATS = 3, 10


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Wall time of the inference of one sample, in milliseconds; latency in time steps is T.

    Parameters
    ----------
    latency_ms, latency_ms_iqr : float
        Median and interquartile range over the repeats of the time of a batch of 100, over the samples in it.
    latency_ms_single, latency_ms_single_iqr : float
        The same of one sample alone.
    """

    latency_ms: float
    latency_ms_iqr: float
    latency_ms_single: float
    latency_ms_single_iqr: float


def inference_latency(model: Model, split: Split, device: torch.device) -> Latency:
    """Time the first samples of a split; warmed up, synchronised, and without the loading of the data.

    Parameters
    ----------
    model : Model
        Left in evaluation mode.
    split, device
        Where the samples come from, and where the model is. With fewer than 100 samples the batch has all of them.
    """
    model.eval()
    inputs, _ = split.batch(torch.arange(min(LATENCY_BATCH, len(split))))
    inputs = inputs.to(device)
    axis = inputs.dim() - 4  # of the samples: images [B, C, H, W], spikes [T, B, C, H, W]
    batch, batch_iqr = median_and_iqr(repeated_times(model, inputs, device))
    single, single_iqr = median_and_iqr(repeated_times(model, inputs.narrow(axis, 0, 1).contiguous(), device))
    samples, milliseconds = inputs.shape[axis], 1000
    return Latency(
        latency_ms=milliseconds * batch / samples,
        latency_ms_iqr=milliseconds * batch_iqr / samples,
        latency_ms_single=milliseconds * single,
        latency_ms_single_iqr=milliseconds * single_iqr,
    )


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


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
