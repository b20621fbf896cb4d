"""Use of processor, memory, disk, network and GPU, taken by MLflow's own samplers at the ends of epochs.

MLflow would do it in a thread, which writes to the store on its own; here the numbers go the way of all others.
"""

import importlib.util
import logging
import time
from typing import Any

PREFIX = "system/"
"""Of the metrics that MLflow's UI shows under "System metrics"."""

INTERVAL_SECONDS = 10.0
"""As MLflow's own default."""


class SystemSampler:
    """Takes samples, but not too often.

    Parameters
    ----------
    samplers : list
        MLflow's.
    """

    def __init__(self, samplers: list[Any]) -> None:
        self._samplers, self._last = samplers, float("-inf")

    @classmethod
    def if_possible(cls) -> "SystemSampler | None":
        """Return a sampler, or None where psutil is not installed."""
        if importlib.util.find_spec("psutil") is None:
            return None
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
        from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

        kinds: list[Any] = [CPUMonitor, DiskMonitor, NetworkMonitor]
        samplers = [kind() for kind in kinds]
        gpu: Any = GPUMonitor
        try:
            samplers.append(gpu())
        except Exception as error:  # it raises whatever NVIDIA's library does where there is none
            logging.getLogger(__name__).debug("no GPU metrics: %s", error)
        return cls(samplers)

    def sample(self) -> dict[str, float]:
        """Return metrics by name; none if the last sample is not old enough."""
        if time.monotonic() < self._last + INTERVAL_SECONDS:
            return {}
        self._last = time.monotonic()
        values: dict[str, float] = {}
        for sampler in self._samplers:
            sampler.collect_metrics()
            values |= sampler.aggregate_metrics()
            sampler.clear_metrics()
        return {f"{PREFIX}{name}": float(value) for name, value in values.items()}
