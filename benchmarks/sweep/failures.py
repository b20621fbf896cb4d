"""What an error of a run means, and what it leaves behind."""

import gc

import torch

from benchmarks.config.run import RunConfig
from benchmarks.errors import DivergedError
from benchmarks.results import Status

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""How PyTorch's RuntimeErrors say so where it has no type for it: the allocators of CPU and GPU, and cuBLAS."""


def status_and_reason(error: Exception, config: RunConfig) -> tuple[Status, str]:
    """How a run stands that ended with `error`, and why, in a line."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    if is_out_of_memory(error):
        reason = f"out of memory ({reason}); try a batch_size below {config.batch_size}, or a smaller network"
    return "diverged" if isinstance(error, DivergedError) else "failed", reason


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was no memory left, on whatever device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY)


def free_memory() -> None:
    """Give the next run what a failed one still holds in cycles and in the GPU's cache."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
