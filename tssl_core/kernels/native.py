"""Compiled libraries: where they are, how their kernels are called, and where their output goes.

The C files of a package's folder are compiled into one optional extension, ``<package>._cpu`` (see ``setup.py``). A
new kernel needs no Python here: write a range kernel as in ``cpu_block.h``, give it entry points with
``FORWARD_KERNEL`` or ``BACKWARD_KERNEL``, and call it with `Library.forward` or `Library.backward`.

A library holds no Python and is loaded with ctypes, which releases the GIL. Its threads are OpenMP's; as torch is
loaded first, they are those of torch's own operators, `torch.get_num_threads()` of them, and no second set.
"""

import ctypes
import functools
import importlib.util
import os
import zlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tssl_core.errors import BackendUnavailableError
from tssl_core.kernels.buffers import BUFFERS
from tssl_core.kernels.fusion import NOTHING, Fusion, Pooling

_HOW_TO_BUILD = "install a C compiler (gcc or clang), then run `pip install --no-deps -e .` in the repository"
_SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
_IMPORTED_BY = os.getpid()
_SHARED_SOURCES = Path(__file__).parent

SUMMED_STEPS = 7
"""Longest window over which kernels sum dL/d(current) of a constant input. Longer sums are left to a matrix product,
which adds in an order of its own: results of before are to stay as they are, to the last digit."""


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
        _, reason = _found(self.package)
        if reason is not None:
            return reason
        if dtype not in _SUFFIXES:
            return f"the tensor is {dtype}; expected {' or '.join(map(str, _SUFFIXES))}"
        return None

    def forward(
        self,
        kernel: str,
        current: Tensor,
        numbers: Sequence[float],
        fusion: Fusion = NOTHING,
        count: Tensor | None = None,
    ) -> Tensor:
        """Run the kernel of a forward pass and return its output, see `Fusion`.

        Parameters
        ----------
        kernel : str
            Name given to ``FORWARD_KERNEL``, without the suffix for the type.
        current : Tensor
            ``[T, ...]`` or, with a gain, ``[1, ...]``, on the CPU; sets the type.
        numbers : sequence of float
            The kernel's parameters.
        fusion : Fusion
            What is around the neurons.
        count : Tensor, optional
            One int64, to which a kernel that counts adds the number of spikes.

        Raises
        ------
        MemoryError
            If there is no memory for the kernel's scratch.
        """
        output = BUFFERS.empty_strided(*fusion.output_layout(current), current.dtype)
        if fusion.empty:
            self._run(kernel, current, (current, output, count), numbers)
        else:
            self._run_layer(kernel, current, (current, output, None), numbers, fusion, count)
        return output

    def backward(
        self, kernel: str, grad_output: Tensor, current: Tensor, numbers: Sequence[float], fusion: Fusion = NOTHING
    ) -> Tensor:
        """Run the kernel of a backward pass and return dL/d(current); arguments and errors as for `forward`."""
        if fusion.gain is not None and len(fusion.gain) > SUMMED_STEPS:
            return self._backward_of_long_window(kernel, grad_output, current, numbers, fusion)
        grad_current = BUFFERS.empty_strided(current.shape, current.stride(), current.dtype)
        if fusion.empty:
            self._run(kernel, current, (grad_output, current, grad_current), numbers)
        else:
            self._run_layer(kernel, current, (current, grad_output, grad_current), numbers, fusion)
        return grad_current

    def _backward_of_long_window(
        self, kernel: str, grad_output: Tensor, current: Tensor, numbers: Sequence[float], fusion: Fusion
    ) -> Tensor:
        """The sum over time by a matrix product."""
        steps, neurons = fusion.steps(current), current.numel()
        assert fusion.gain is not None
        grads = BUFFERS.empty_strided((steps, neurons), (neurons, 1), current.dtype)
        self._run_layer(kernel, current, (current, grad_output, grads), numbers, fusion)
        return (fusion.gain[None] @ grads).as_strided(current.shape, current.stride())

    def _run(self, kernel: str, current: Tensor, arrays: Sequence[Tensor | None], numbers: Sequence[float]) -> None:
        """Call an entry point of ``SCAN_KERNEL``."""
        steps = current.shape[0]
        sizes = ctypes.c_size_t(steps), ctypes.c_size_t(current.numel() // steps)
        self._call(kernel, "entry", current, *sizes, _pointers(arrays), _doubles(numbers))

    def _run_layer(
        self,
        kernel: str,
        current: Tensor,
        arrays: Sequence[Tensor | None],
        numbers: Sequence[float],
        fusion: Fusion,
        count: Tensor | None = None,
    ) -> None:
        """Call an entry point of ``FORWARD_KERNEL`` or ``BACKWARD_KERNEL``; no neurons are no work."""
        if not current.numel():
            return
        pool = fusion.pool or Pooling(1, 1.0)
        sums = fusion.gain is not None and len(fusion.gain) <= SUMMED_STEPS
        sizes = (*_geometry(current, fusion), pool.size, fusion.pool is not None, fusion.flat, sums)
        factors = [_rows_first(values, current.dtype) for values in fusion.factors]
        pointers = _pointers((*arrays, *factors, count))
        self._call(
            kernel,
            "layer_entry",
            current,
            (ctypes.c_size_t * len(sizes))(*sizes),
            pointers,
            _doubles((pool.gain, *numbers)),
        )

    def _call(self, kernel: str, entry: str, current: Tensor, *arguments: object) -> None:
        function = getattr(_load(self.package), f"{kernel}_{_SUFFIXES[current.dtype]}_{entry}")
        if function(*arguments, ctypes.c_int(_threads())) != 0:
            raise MemoryError(f"no memory for the scratch of {kernel} on a current of shape {tuple(current.shape)}")

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


def _geometry(current: Tensor, fusion: Fusion) -> tuple[int, ...]:
    """Steps, samples, channels, rows and columns of a current; to kernels what has no channels is so many columns."""
    steps = fusion.steps(current)
    if fusion.on_maps and current.dim() == 5:
        return steps, *current.shape[1:]
    if not fusion.on_maps:
        return steps, 1, 1, 1, prod(current.shape[1:])
    return steps, current.shape[1], prod(current.shape[2:]), 1, 1


def _rows_first(factors: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Factors ``[1, B, C, H, 1]`` as ``[B, H, C]`` and others as they are, without gaps in memory."""
    if factors is None:
        return None
    ordered = factors[0, ..., 0].transpose(1, 2) if factors.dim() == 5 else factors
    return ordered.to(dtype).contiguous()


def _pointers(arrays: Sequence[Tensor | None]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(None if array is None else array.data_ptr() for array in arrays))


def _doubles(numbers: Sequence[float]) -> Any:
    return (ctypes.c_double * len(numbers))(*numbers)


def _threads() -> int:
    """One thread in a forked process: OpenMP's others have stayed in the parent, and waiting for them never ends."""
    return torch.get_num_threads() if os.getpid() == _IMPORTED_BY else 1


def _load(package: str) -> Any:
    library, reason = _found(package)
    if reason is not None:
        raise BackendUnavailableError(reason)
    return library


@functools.cache
def _found(package: str) -> tuple[Any, str | None]:
    """Library of a package, or why none can be used: sources that do not fit are not read again at each call."""
    spec = importlib.util.find_spec(f"{package}._cpu")
    if spec is None or spec.origin is None:
        return None, f"the compiled extension {package}._cpu is not there; {_HOW_TO_BUILD}"
    library = ctypes.CDLL(spec.origin)
    folder = Path(spec.origin).parent
    sources = {path.name: path for place in (folder, _SHARED_SOURCES) for path in place.glob("*.[ch]")}
    own = {path.name for path in folder.glob("*.[ch]")} | {"scan.c", "scan.h", "layer.h"}
    content = b"".join(sources[name].read_bytes() for name in sorted(own) if name in sources)
    if content and ctypes.c_uint32.in_dll(library, "scan_source_checksum").value != zlib.crc32(content):
        return None, f"{spec.origin} was built from other sources than these; {_HOW_TO_BUILD}"
    return library, None
