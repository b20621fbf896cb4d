"""The compiled library: where it is, how its kernels are called, and where their output goes.

Every C file in this folder is compiled into one optional extension (see ``setup.py``). A new kernel needs no Python
here: write a block kernel as in ``cpu_block.h``, give it an entry point with ``SCAN_ENTRY``, and call it with `run`.

The library holds no Python and is loaded with ctypes, which releases the GIL. Its threads are OpenMP's; as torch is
loaded first, they are those of torch's own operators, `torch.get_num_threads()` of them, and no second set.
"""

import ctypes
import functools
import importlib.util
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from tssl_core.errors import BackendUnavailableError

_EXTENSION = "tssl_core.kernels._cpu"
_HOW_TO_BUILD = "install a C compiler (gcc or clang), then run `pip install --no-deps -e .` in the repository"
_SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
_IMPORTED_BY = os.getpid()

HUGE_PAGE_OUTPUT = 4 * 2**20
"""Bytes from which an output is put on huge pages."""


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Tell why compiled kernels cannot run on a device and dtype, or return None if they can."""
    if device.type != "cpu":
        return f"the tensor is on {device}; expected a tensor on the CPU"
    try:
        _library()
    except BackendUnavailableError as error:
        return str(error)
    if dtype not in _SUFFIXES:
        return f"the tensor is {dtype}; expected {' or '.join(map(str, _SUFFIXES))}"
    return None


def run(kernel: str, arrays: Sequence[Tensor], numbers: Sequence[float]) -> None:
    """Run a kernel.

    Parameters
    ----------
    kernel : str
        Name given to ``SCAN_ENTRY``, without the suffix for the type.
    arrays : sequence of Tensor
        What the kernel reads and writes, contiguous, on the CPU. The first one is ``[T, ...]`` and sets the number of
        steps, of neurons, and the type.
    numbers : sequence of float
        The kernel's parameters.

    Raises
    ------
    MemoryError
        If there is no memory for the kernel's scratch.
    """
    first = arrays[0]
    steps = first.shape[0]
    status = getattr(_library(), f"{kernel}_{_SUFFIXES[first.dtype]}")(
        ctypes.c_size_t(steps),
        ctypes.c_size_t(first.numel() // steps),
        (ctypes.c_void_p * len(arrays))(*(array.data_ptr() for array in arrays)),
        (ctypes.c_double * len(numbers))(*numbers),
        ctypes.c_int(_threads()),
    )
    if status != 0:
        raise MemoryError(f"no memory for the scratch of {kernel} over {steps} time steps")


def output_like(tensor: Tensor) -> Tensor:
    """Return uninitialised memory shaped like a contiguous `tensor`, on huge pages if it is large."""
    output = torch.empty_like(tensor)
    if output.nbytes >= HUGE_PAGE_OUTPUT:
        _library().scan_advise_huge_pages(ctypes.c_void_p(output.data_ptr()), ctypes.c_size_t(output.nbytes))
    return output


def _threads() -> int:
    """One thread in a forked process: OpenMP's others have stayed in the parent, and waiting for them never ends."""
    return torch.get_num_threads() if os.getpid() == _IMPORTED_BY else 1


@functools.cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec(_EXTENSION)
    if spec is None or spec.origin is None:
        raise BackendUnavailableError(f"the compiled extension {_EXTENSION} is not there; {_HOW_TO_BUILD}")
    library = ctypes.CDLL(spec.origin)
    sources = sorted([*Path(__file__).parent.glob("*.c"), *Path(__file__).parent.glob("*.h")])
    checksum = zlib.crc32(b"".join(path.read_bytes() for path in sources))
    if sources and ctypes.c_uint32.in_dll(library, "scan_source_checksum").value != checksum:
        raise BackendUnavailableError(f"{spec.origin} was built from other sources than these; {_HOW_TO_BUILD}")
    return library
