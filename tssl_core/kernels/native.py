"""Compiled libraries: where they are, how their kernels are called, and where their output goes.

The C files of a package's folder are compiled into one optional extension, ``<package>._cpu`` (see ``setup.py``). A
new kernel needs no Python here: write a range kernel as in ``cpu_block.h``, give it an entry point with
``SCAN_KERNEL``, and call it with `Library.run`.

A library holds no Python and is loaded with ctypes, which releases the GIL. Its threads are OpenMP's; as torch is
loaded first, they are those of torch's own operators, `torch.get_num_threads()` of them, and no second set.
"""

import ctypes
import functools
import importlib.util
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tssl_core.errors import BackendUnavailableError

_HOW_TO_BUILD = "install a C compiler (gcc or clang), then run `pip install --no-deps -e .` in the repository"
_SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
_IMPORTED_BY = os.getpid()
_SHARED_SOURCES = Path(__file__).parent

HUGE_PAGE_OUTPUT = 4 * 2**20
"""Bytes from which an output is put on huge pages."""


class Library:
    """The compiled kernels of one package, loaded when they are first needed.

    Parameters
    ----------
    package : str
        Dotted name of the package whose folder holds the C files.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.divisor = functools.lru_cache(maxsize=256)(self._divisor)

    def unavailable(self, device: torch.device, dtype: torch.dtype) -> str | None:
        """Tell why compiled kernels cannot run on a device and dtype, or return None if they can."""
        if device.type != "cpu":
            return f"the tensor is on {device}; expected a tensor on the CPU"
        try:
            _load(self.package)
        except BackendUnavailableError as error:
            return str(error)
        if dtype not in _SUFFIXES:
            return f"the tensor is {dtype}; expected {' or '.join(map(str, _SUFFIXES))}"
        return None

    def run(self, kernel: str, arrays: Sequence[Tensor], numbers: Sequence[float]) -> None:
        """Run a kernel.

        Parameters
        ----------
        kernel : str
            Name given to ``SCAN_KERNEL``, without the suffix for the type.
        arrays : sequence of Tensor
            What the kernel reads and writes, contiguous, on the CPU. The first one is ``[T, ...]`` and sets the number
            of steps, of neurons, and the type.
        numbers : sequence of float
            The kernel's parameters.

        Raises
        ------
        MemoryError
            If there is no memory for the kernel's scratch.
        """
        first = arrays[0]
        steps = first.shape[0]
        status = getattr(_load(self.package), f"{kernel}_{_SUFFIXES[first.dtype]}_entry")(
            ctypes.c_size_t(steps),
            ctypes.c_size_t(first.numel() // steps),
            (ctypes.c_void_p * len(arrays))(*(array.data_ptr() for array in arrays)),
            (ctypes.c_double * len(numbers))(*numbers),
            ctypes.c_int(_threads()),
        )
        if status != 0:
            raise MemoryError(f"no memory for the scratch of {kernel} over {steps} time steps")

    def output_like(self, tensor: Tensor) -> Tensor:
        """Return uninitialised memory shaped like a contiguous `tensor`, on huge pages if it is large."""
        output = torch.empty_like(tensor)
        if output.nbytes >= HUGE_PAGE_OUTPUT:
            _load(self.package).scan_advise_huge_pages(
                ctypes.c_void_p(output.data_ptr()), ctypes.c_size_t(output.nbytes)
            )
        return output

    def limit_processor(self, generation: int) -> int:
        """Use no newer instructions than those of a generation, and return which is used then.

        For tests of every compiled copy: 0 is any x86-64 processor, 1 has AVX2, 2 has AVX-512; elsewhere there is one.
        """
        library = _load(self.package)
        library.scan_limit_generation(ctypes.c_int(generation))
        self.divisor.cache_clear()
        return int(library.scan_generation())

    def _divisor(self, value: float) -> tuple[float, float]:
        """Return what ``read_divisor`` of scan.h takes: a number to divide by, and whether multiplications will do."""
        return value, float(_load(self.package).scan_divides_exactly(ctypes.c_double(value)))


def _threads() -> int:
    """One thread in a forked process: OpenMP's others have stayed in the parent, and waiting for them never ends."""
    return torch.get_num_threads() if os.getpid() == _IMPORTED_BY else 1


@functools.cache
def _load(package: str) -> Any:
    spec = importlib.util.find_spec(f"{package}._cpu")
    if spec is None or spec.origin is None:
        raise BackendUnavailableError(f"the compiled extension {package}._cpu is not there; {_HOW_TO_BUILD}")
    library = ctypes.CDLL(spec.origin)
    folder = Path(spec.origin).parent
    sources = {path.name: path for place in (folder, _SHARED_SOURCES) for path in place.glob("*.[ch]")}
    own = {path.name for path in folder.glob("*.[ch]")} | {"scan.c", "scan.h"}
    content = b"".join(sources[name].read_bytes() for name in sorted(own) if name in sources)
    if content and ctypes.c_uint32.in_dll(library, "scan_source_checksum").value != zlib.crc32(content):
        raise BackendUnavailableError(f"{spec.origin} was built from other sources than these; {_HOW_TO_BUILD}")
    return library
