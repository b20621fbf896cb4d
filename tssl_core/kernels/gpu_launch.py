"""What starts the kernels of ``gpu_scan.py``: a neuron's functions, where things are in memory, sizes of blocks."""

import functools
import importlib
import importlib.util
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tssl_core.kernels.fusion import Fusion

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
MOST_STEPS = 16
"""Time steps that a kernel holds in registers."""
_WARPS = 4
_BYTES_A_THREAD = 16
"""The widest access to memory."""
_FORWARD_VALUES, _BACKWARD_VALUES = 64, 40
"""Neurons of a thread times time steps at most, half of it with pooling, which keeps sums or errors besides. The
backward pass takes three registers for each; with more than 128 a thread too few threads would run at a time."""
_MANTISSAS = 1 << 23


class Neuron(NamedTuple):
    """A neuron's functions for ``gpu_scan.py``; a neuron without gradient has no `record` and no `adjoint`."""

    rest: Any
    step: Any
    prepare: Any = None
    record: Any = None
    adjoint: Any = None
    states: int = 1
    """Numbers that a step leaves to the next one."""
    carries: int = 1
    """Numbers that a step of the backward pass leaves to the step before."""


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Tell why Triton's kernels cannot run on a device and dtype, or return None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed; it comes with PyTorch's builds for CUDA on Linux"
    if device.type != "cuda" and not (device.type == "cpu" and _arithmetic().INTERPRETED.value):
        there = "" if torch.cuda.is_available() else ", and PyTorch finds none here"
        return f"the tensor is on {device}; expected one on a CUDA device{there}"
    if dtype not in _DTYPES:
        return f"the tensor is {dtype}; expected one of {', '.join(map(str, _DTYPES))}"
    return None


def forward(
    neuron: Neuron,
    current: Tensor,
    fusion: Fusion,
    numbers: tuple[object, ...],
    flags: tuple[object, ...],
    count: Tensor | None = None,
) -> Tensor:
    """Return a neuron's output with what is fused with it.

    Parameters
    ----------
    neuron : Neuron
        Its functions.
    current : Tensor
        ``[T, ...]``, or ``[1, ...]`` with a gain; see `Backend` for its memory order.
    fusion : Fusion
        What is around the neurons.
    numbers, flags : tuple
        What the functions take under these names.
    count : Tensor, optional
        One int64 on the device, to which the number of spikes is added.
    """
    output = fusion.output_like(current)
    layout = _layout(current, output, fusion, border=count is not None)
    if current.numel():
        arrays = (current, output, *_factors(current, fusion), count)
        functions = {"REST": neuron.rest, "STEP": neuron.step, "FLAGS": flags}
        block = layout.block(current.element_size(), _FORWARD_VALUES)
        _launch(_kernels().forward_kernel, layout, current, arrays, numbers, functions, block)
    return output


def backward(
    neuron: Neuron,
    grad_output: Tensor,
    current: Tensor,
    fusion: Fusion,
    numbers: tuple[object, ...],
    flags: tuple[object, ...],
) -> Tensor:
    """Return dL/dI, shaped like `current`; `grad_output` is in the memory order of the output, else see `forward`."""
    grad_current = torch.empty_like(current)
    layout = _layout(current, grad_output, fusion, border=True)
    if current.numel():
        states = None
        if layout.segments > 1:
            shape = (layout.segments - 1, neuron.states, current.numel() // current.shape[0])
            states = current.new_empty(shape, dtype=torch.float32)
        arrays = (grad_output, current, grad_current, states, *_factors(current, fusion))
        functions = {
            "REST": neuron.rest,
            "STEP": neuron.step,
            "PREPARE": neuron.prepare,
            "RECORD": neuron.record,
            "ADJOINT": neuron.adjoint,
            "CARRIES": neuron.carries,
            "FLAGS": flags,
        }
        block = layout.block(current.element_size(), _BACKWARD_VALUES)
        _launch(_kernels().backward_kernel, layout, current, arrays, numbers, functions, block)
    return grad_current


def count_spikes(
    neuron: Neuron, current: Tensor, fusion: Fusion, numbers: tuple[object, ...], flags: tuple[object, ...]
) -> Tensor:
    """Return the number of spikes of all neurons in all steps as one int64 on the device."""
    count = torch.zeros(1, dtype=torch.int64, device=current.device)
    forward(neuron, current, Fusion(gain=fusion.gain), numbers, flags, count)
    return count


def divisor(value: float, device: torch.device) -> tuple[tuple[float, float, float], bool]:
    """Return what ``divide`` of ``gpu_arithmetic.py`` takes for a number to divide by, and whether it may multiply.

    ``x inverse + x rest``, with two roundings, is the very quotient of any float32 x of at least 1e-29 for most
    numbers; a kernel tries all mantissas the first time a number is used on a device. That waits for the device, and
    so has to come before a CUDA graph is recorded, as calls to warm up do.
    """
    parts = _parts(value)
    return parts, _divides_exactly(parts, device)


def _parts(value: float) -> tuple[float, float, float]:
    value = torch.tensor(value, dtype=torch.float32).item()
    inverse = torch.tensor(1 / value, dtype=torch.float32).item()
    return value, inverse, 1 / value - inverse


@functools.lru_cache(maxsize=256)
def _divides_exactly(parts: tuple[float, float, float], device: torch.device) -> bool:
    kernels = _arithmetic()
    wrong = torch.zeros(1, dtype=torch.int32, device=device)
    block = 1 << 19 if kernels.INTERPRETED.value else 1 << 12
    with torch.cuda.device_of(wrong):
        kernels.count_wrong_quotients[(_MANTISSAS // block,)](wrong, parts, BLOCK=block, enable_fp_fusion=False)
    return not wrong.item()


class _Layout(NamedTuple):
    """Constants of the kernels, and the number of windows; see `_places` of ``gpu_scan.py``."""

    samples: int
    windows: int
    maps: tuple[int, int, int, int, bool] | None
    """Channels, height and width of feature maps, size of pooling windows, whether the output is channels first."""
    neurons: int
    """In a sample; without maps, a power of two that divides them all, so that the compiler knows of it."""
    outputs: int
    border: bool
    segments: int
    segment: int
    pad: int
    """Steps of the first segment that come before the first one."""

    def block(self, itemsize: int, most_values: int) -> int:
        """Windows a program: a thread reads as much at once as it can while it holds no more than `most_values`."""
        windows = _BYTES_A_THREAD // itemsize
        pooled = self.maps is not None and self.maps[3] > 1
        while windows * self.segment * (2 if pooled else 1) > most_values and windows > 1:
            windows //= 2
        return windows * 32 * _WARPS


def _layout(current: Tensor, output: Tensor, fusion: Fusion, *, border: bool) -> _Layout:
    steps = fusion.steps(current)
    segments = math.ceil(steps / MOST_STEPS)
    segment = math.ceil(steps / segments)
    time = (segments, segment, segments * segment - steps)
    neurons = current.numel() // current.shape[0]
    if current.dim() != 5 or not fusion.on_maps:
        unit = math.gcd(neurons, 16)
        return _Layout(neurons // max(unit, 1), neurons, None, unit, unit, False, *time)
    _, samples, channels, height, width = current.shape
    size = 1 if fusion.pool is None else fusion.pool.size
    if neurons >= 1 << 31:
        raise ValueError(f"feature maps have {neurons} neurons; expected less than 2^31, so give smaller batches")
    border = border and (height % size > 0 or width % size > 0)
    down, across = (math.ceil(length / size) if border else length // size for length in (height, width))
    maps = (channels, height, width, size, fusion.flat)
    outputs = output.numel() // (steps * max(samples, 1))
    windows = samples * channels * down * across
    return _Layout(samples, windows, maps, channels * height * width, outputs, border, *time)


def _factors(current: Tensor, fusion: Fusion) -> tuple[Tensor | float | None, ...]:
    """Gain, dropout, gain of pooling and dropout behind it, in the order in which the kernels take them."""
    dropout, pool_dropout = fusion.dropout, fusion.pool_dropout
    if current.dim() == 5:
        dropout, pool_dropout = (
            None if factors is None else factors[0, ..., 0].movedim(1, -1).contiguous()
            for factors in (dropout, pool_dropout)
        )
    elif dropout is not None:
        dropout = dropout.contiguous()
    return fusion.gain, dropout, None if fusion.pool is None else float(fusion.pool.gain), pool_dropout


def _launch(
    kernel: Any,
    layout: _Layout,
    current: Tensor,
    arrays: tuple[object, ...],
    numbers: tuple[object, ...],
    functions: dict[str, Any],
    block: int,
) -> None:
    """Run a kernel, one program for each block of windows."""
    if not layout.windows:
        return
    with torch.cuda.device_of(current):
        kernel[(math.ceil(layout.windows / block),)](
            *arrays,
            numbers,
            layout.samples,
            **functions,
            MAPS=layout.maps,
            NEURONS=layout.neurons,
            OUTPUTS=layout.outputs,
            SEGMENTS=layout.segments,
            SEGMENT=layout.segment,
            PAD=layout.pad,
            BORDER=layout.border,
            BLOCK=block,
            num_warps=_WARPS,
            enable_fp_fusion=False,
        )


@functools.cache
def _kernels() -> Any:
    """Import the kernels when they are first needed: Triton takes its time, and may not be there."""
    return importlib.import_module("tssl_core.kernels.gpu_scan")


@functools.cache
def _arithmetic() -> Any:
    return importlib.import_module("tssl_core.kernels.gpu_arithmetic")


def functions_of(module: str, make: Callable[[Any], Neuron]) -> Callable[[], Neuron]:
    """Make a neuron of a module's functions when it is first needed, for the same reason."""
    return functools.cache(lambda: make(importlib.import_module(module)))
