"""Memory for large outputs, kept for the next one of that size when it is freed.

PyTorch takes an output of many megabytes from the C library, which may give it back to the system when it is freed and
fetch fresh pages for the next one: to clear these can take ten times as long as the kernel. A training script asks for
the same sizes again and again.
"""

import ctypes
import mmap
import threading
import weakref
from collections import deque
from contextlib import suppress
from math import prod

import torch
from torch import Tensor

LARGE = 4 * 2**20
"""Bytes from which an output comes from here."""

KEPT_BYTES = 2**30
"""The most that is kept for later."""

HUGE_PAGE = 2 * 2**20
"""Blocks are so many bytes, or a multiple: the system is asked for pages of that size, as each costs a fault."""


class Buffers:
    """Blocks of memory that were freed and are kept, the one that was freed last taken first."""

    def __init__(self) -> None:
        self._free: deque[mmap.mmap] = deque()
        self._kept = 0  # bytes in `_free`
        # The garbage collector may give a block back while another is looked for, in the same thread: hence a lock that
        # may be taken twice, no loop over `_free` itself, and no call within a sum of `_kept`.
        self._lock = threading.RLock()

    def empty_strided(self, shape: tuple[int, ...], strides: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return uninitialised memory on the CPU, without gaps; small tensors are PyTorch's own."""
        size = prod(shape) * dtype.itemsize
        if size < LARGE or torch.are_deterministic_algorithms_enabled():  # with which PyTorch fills it
            return torch.empty_strided(shape, strides, dtype=dtype)
        block = self._take(-(-size // HUGE_PAGE) * HUGE_PAGE)
        lease = (ctypes.c_char * size).from_buffer(block)
        # The tensor's storage holds the lease; whoever frees it last gives back the block.
        weakref.finalize(lease, self._give_back, block).atexit = False
        return torch.frombuffer(lease, dtype=dtype).as_strided(shape, strides)

    def clear(self) -> None:
        """Give everything that is kept to the system."""
        with self._lock:
            self._free.clear()
            self._kept = 0

    def _take(self, size: int) -> mmap.mmap:
        with self._lock:
            for block in reversed(tuple(self._free)):
                if len(block) == size:
                    with suppress(ValueError):  # given to the system meanwhile
                        self._free.remove(block)
                        self._kept -= size
                        return block
        return _fresh(size)

    def _give_back(self, block: mmap.mmap) -> None:
        with self._lock:
            size = len(block)
            self._free.append(block)
            self._kept += size
            while self._kept > KEPT_BYTES:
                size = len(self._free.popleft())
                self._kept -= size


def _fresh(size: int) -> mmap.mmap:
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # only advice
        block.madvise(mmap.MADV_HUGEPAGE)
    return block


BUFFERS = Buffers()
"""Those of this process."""
