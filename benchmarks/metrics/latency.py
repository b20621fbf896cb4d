"""Wall time of inference."""

import time
from statistics import median

import torch

from baselines.method import Model
from benchmarks.datasets.dataset import Split

LATENCY_BATCH = 100
LATENCY_WARM_UP, LATENCY_REPEATS = 3, 10


def latency_ms(model: Model, split: Split, device: torch.device) -> float:
    """Median wall time of the inference of one sample in a batch of 100, in milliseconds.

    Warmed up, synchronised, and without the loading of the data.
    """
    model.eval()
    samples = min(LATENCY_BATCH, len(split))
    inputs = split.batch(torch.arange(samples))[0].to(device)
    times = []
    with torch.no_grad():
        for _ in range(LATENCY_WARM_UP + LATENCY_REPEATS):
            synchronise(device)
            start = time.perf_counter()
            model(inputs)
            synchronise(device)
            times.append(time.perf_counter() - start)
    return 1000 * median(times[LATENCY_WARM_UP:]) / samples


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
