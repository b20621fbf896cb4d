"""What the process does with memory that it has freed."""

import ctypes
import functools
import platform

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Options of glibc's mallopt (malloc.h)."""

_KEPT_BYTES = 2**31 - 1
"""The most that it takes."""


GPU_CONTEXT = 2**30
"""Bytes that a process holds on a GPU beside its tensors, for CUDA's context and the code of libraries."""


@functools.cache
def keep_freed_memory() -> bool:
    """Have glibc keep freed memory for the next allocation, instead of giving it back to the system.

    A training step frees and allocates the same large tensors each time. By default each of 32 MiB and more comes as
    fresh pages, which the system has to clear first; that can take longer than the arithmetic on them. The peak of
    memory does not change, but up to 2 GiB of it are held until the process ends.

    Returns
    -------
    bool
        Whether it was done; elsewhere than on glibc nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0)) and bool(libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))


def bound_gpu_memory(device: torch.device, share: float) -> None:
    """Let this process take no more than its share of a GPU's memory, `GPU_CONTEXT` for its libraries included.

    What it would take beyond that is a lack of memory, as it would be on a smaller GPU, and no other process feels it.

    Parameters
    ----------
    device : torch.device
        A GPU.
    share : float
        In (0, 1]; 1 is no bound.
    """
    # Some versions of PyTorch refuse a device without its number here.
    index = torch.cuda.current_device() if device.index is None else device.index
    torch.cuda.set_per_process_memory_fraction(allocator_share(torch.cuda.mem_get_info(index)[1], share), index)


def allocator_share(total: int, share: float) -> float:
    """Part of `total` bytes that PyTorch may give to tensors, so that the whole process stays within `share`."""
    return 1.0 if share == 1 else max(0.0, share - GPU_CONTEXT / total)


def give_back_freed_memory() -> bool:
    """Have glibc give back now what it keeps, so that what a process holds is what it uses.

    Returns
    -------
    bool
        Whether there was something to give back; elsewhere than on glibc nothing happens.
    """
    return platform.libc_ver()[0] == "glibc" and bool(ctypes.CDLL(None).malloc_trim(0))
