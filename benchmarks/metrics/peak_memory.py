"""Peak of memory during a run: what PyTorch has allocated on a GPU, or what the process holds on the CPU."""

import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.metrics.metric import Column, FinishedTraining, Metric
from benchmarks.platform.memory import give_back_freed_memory

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""Written to `CLEAR_REFS`, it sets the mark of the highest resident size back (proc_pid_clear_refs(5))."""

KIB_A_MIB, BYTES_A_MIB = 1024, 1024**2


class PeakMemory(Metric):
    """From the building of the model to its last measurement; one at a time in a process."""

    name = "memory"
    columns = (
        Column(
            name="peak_memory_mib",
            unit="MiB",
            varies=True,
            about="peak from the building of the model to its last measurement, in MiB. On CUDA: memory that PyTorch "
            "has given to tensors (`max_memory_allocated`). On the CPU: resident set of the whole process, with "
            "interpreter, libraries and dataset; it compares on one machine only. A resumed run has the peak of the "
            "process that ended it",
            heading="memory MiB",
        ),
        Column(
            name="peak_memory_growth_mib",
            unit="MiB",
            varies=True,
            about="how far that is above what was held at the start, freed memory given back first. Missing where the "
            "system cannot set its mark of the peak back (other than Linux)",
        ),
    )

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._start: float | None
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._start = torch.cuda.memory_allocated(device) / BYTES_A_MIB
        else:
            # What earlier runs have freed and the process has kept would hide what this one needs.
            give_back_freed_memory()
            self._start = resident_mib("VmRSS") if reset_peak() else None

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """The peak so far."""
        del run
        return self.peak()

    def peak(self) -> dict[str, float | None]:
        """The peak so far, and how far it is above the start."""
        if self.device.type == "cuda":
            peak: float | None = torch.cuda.max_memory_allocated(self.device) / BYTES_A_MIB
        else:
            peak = resident_mib("VmHWM") if STATUS.exists() else peak_since_start_mib()
        growth = None if peak is None or self._start is None else peak - self._start
        return {"peak_memory_mib": peak, "peak_memory_growth_mib": growth}


def resident_mib(field: str) -> float:
    """Resident size now (``VmRSS``) or at its highest (``VmHWM``), in MiB, as Linux tells it."""
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / KIB_A_MIB


def reset_peak() -> bool:
    """Set the mark of the highest resident size back to what is held now; tell whether that was possible."""
    try:
        CLEAR_REFS.write_text(RESET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def peak_since_start_mib() -> float | None:
    """Highest resident size since the process started, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (BYTES_A_MIB if sys.platform == "darwin" else KIB_A_MIB)
