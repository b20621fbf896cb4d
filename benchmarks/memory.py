"""What the process does with memory that it has freed."""

import ctypes
import functools
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Options of glibc's mallopt (malloc.h)."""

_KEPT_BYTES = 2**31 - 1
"""The most that it takes."""


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


def give_back_freed_memory() -> bool:
    """Have glibc give back now what it keeps, so that what a process holds is what it uses.

    Returns
    -------
    bool
        Whether there was something to give back; elsewhere than on glibc nothing happens.
    """
    return platform.libc_ver()[0] == "glibc" and bool(ctypes.CDLL(None).malloc_trim(0))
