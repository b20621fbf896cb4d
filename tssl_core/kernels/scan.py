"""A neuron's scan over time as one differentiable PyTorch operator with several backends.

To give another neuron fused kernels:

1. Write its specification in plain PyTorch, a ``forward(current, *parameters)`` and a
   ``backward(grad_output, current, *parameters)`` that map ``[T, ...]`` to ``[T, ...]``; parameters are frozen
   dataclasses of floats, bools and strings. Make a `Backend` of it without a `home`.
2. Write the same two functions over `tssl_core.kernels.native` (a C file as ``cpu.c``, in the neuron's package) or
   `gpu_launch` (a step and its adjoint in Triton, as ``gpu_scan.py`` says), and make a `Backend` of each. A neuron of
   `baselines.neurons` that puts out spikes needs only its step and the adjoint of that; see ``spiking.h`` and
   ``fused.py`` there.
3. Make a `Scan` of them, and call it. Choice of the backend, autograd, ``torch.compile`` and contiguous memory are
   taken care of here; loading, threads, allocation and what is fused with the neurons (`fusion`) in `native` and
   `gpu_launch`.
"""

import functools
import logging
import typing
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from tssl_core.errors import BackendUnavailableError
from tssl_core.kernels.fusion import NOTHING, Fusion, composed, is_channels_last
from tssl_core.kernels.transforms import NO_SECOND_DERIVATIVE, transformable
from tssl_core.maps import is_transformed

_LOGGER = logging.getLogger(__name__)
_SCHEMA_TYPES = {float: "float", bool: "bool", int: "int", str: "str"}


class Backend(NamedTuple):
    """One implementation of a scan.

    Its functions get tensors that are `is_time_major`, and of feature maps only those that are channels last where
    there is something to fuse with them; `grad_output` has the strides of the output.
    """

    name: str
    home: str | None
    """Type of device on which ``auto`` takes it; None for the one that runs anywhere and comes last."""
    unavailable: Callable[[torch.device, torch.dtype], str | None]
    """Why it cannot run on a device and dtype, or None if it can."""
    forward: Callable[..., tuple[Tensor, Tensor | None]]
    """``forward(current, *parameters, fusion) -> output, kept``; `kept` is what its backward pass wants besides."""
    backward: Callable[..., Tensor] | None
    """``backward(grad_output, current, kept, *parameters, fusion) -> grad_current``; `kept` may be None, and has to be
    found again then. None where the scan has no gradient."""
    fuses: bool = True
    """Whether it takes a `Fusion` that is not empty."""

    def gradient(
        self,
        grad_output: Tensor,
        current: Tensor,
        kept: Tensor | None,
        parameters: tuple[object, ...],
        fusion: Fusion = NOTHING,
    ) -> Tensor:
        """Call `backward`, which is there."""
        assert self.backward is not None, "a scan without gradient detaches its input"
        return self.backward(grad_output, current, kept, *parameters, fusion)


def reference_backend(forward: Callable[..., Tensor], backward: Callable[..., Tensor] | None) -> Backend:
    """Make a backend of a specification: it runs anywhere, and knows of nothing but the neurons."""

    def forwards(current: Tensor, *arguments: object) -> tuple[Tensor, None]:
        return forward(current, *arguments[:-1]), None

    def backwards(grad_output: Tensor, current: Tensor, _kept: None, *arguments: object) -> Tensor:
        assert backward is not None
        return backward(grad_output, current, *arguments[:-1])

    return Backend(
        "reference", None, lambda _device, _dtype: None, forwards, backwards if backward else None, fuses=False
    )


class _Eager(torch.autograd.Function):
    """What the registered operator does, without the dispatcher: its overhead is that of a small layer."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, parameters: tuple[object, ...], backend: Backend, fusion: Fusion) -> Tensor:
        if not is_time_major(current):
            current = current.contiguous()
        output, kept = backend.forward(current, *parameters, fusion)
        ctx.save_for_backward(current, kept)
        ctx.call = parameters, backend, fusion, output.stride()
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None]:
        if torch.is_grad_enabled():  # create_graph=True: what comes from here would count as a constant
            raise RuntimeError(NO_SECOND_DERIVATIVE)
        current, kept = ctx.saved_tensors
        parameters, backend, fusion, strides = ctx.call
        if grad_output.stride() != strides:
            ordered = grad_output.new_empty_strided(grad_output.shape, strides)
            grad_output = ordered.copy_(grad_output)
        return backend.gradient(grad_output, current, kept, parameters, fusion), None, None, None


def is_time_major(tensor: Tensor) -> bool:
    """Whether time steps follow each other in memory without gaps, the neurons of each in the same order, any order."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride()[1:], tensor.shape[1:], strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return tensor.shape[0] == 1 or tensor.stride(0) == expected


def can_fuse(current: Tensor, fusion: Fusion) -> bool:
    """Whether kernels can do `fusion` on a current: in its memory order, and with factors that need no gradient."""
    if any(factors is not None and factors.requires_grad for factors in fusion.factors):
        return False
    if not fusion.on_maps:
        return is_time_major(current)
    return is_channels_last(current) if current.dim() == 5 else current.is_contiguous()


_PLAIN = (Tensor, torch.nn.Parameter)
"""Tensors that hold data; those that stand for one while a program is traced go to the registered operator."""


class Scan:
    """A differentiable map ``[T, ...] -> [T, ...]``, registered as ``torch.ops.tssl.<name>``.

    For the backward pass autograd keeps the input, and of the forward pass no more than what `Backend.forward` returns
    as `kept`; the registered operator keeps the input alone. Where backends have no backward pass, the scan has no
    gradient: its output is detached.

    Parameters
    ----------
    name : str
        Name of the operator, unique in the process.
    parameters : tuple of dataclass types
        What a call takes after the current; no two of them may have a field of the same name.
    backends : tuple of Backend
        Fastest first; ``auto`` takes the first that is at home on the device and can run.
    """

    def __init__(self, name: str, parameters: tuple[type, ...], backends: tuple[Backend, ...]) -> None:
        self.name, self.backends = name, backends
        self._parameters = parameters
        self._differentiable = all(backend.backward is not None for backend in backends)
        self._fields = tuple(tuple(field.name for field in fields(kind)) for kind in parameters)
        self._group = functools.lru_cache(maxsize=64)(self._parameters_of)
        self._operator = self._register()

    def __call__(self, current: Tensor, *parameters: object, backend: str = "auto", fusion: Fusion = NOTHING) -> Tensor:
        """Run the scan on ``[T, ...]``, and what `fusion` has around it; raises as `resolve` does."""
        if not self._differentiable:
            current = current.detach()
        if type(current) in _PLAIN and not torch.compiler.is_compiling():
            chosen = self.resolve(backend, current.device, current.dtype)
            if is_transformed():
                if fusion.empty:
                    return transformable(current, parameters, chosen)
            elif fusion.empty or (chosen.fuses and can_fuse(current, fusion)):
                plain: Tensor = _Eager.apply(current, parameters, chosen, fusion)
                return plain
        if not fusion.empty:
            return composed(lambda whole: self(whole, *parameters, backend=backend), current, fusion)
        values = [
            getattr(group, field) for group, names in zip(parameters, self._fields, strict=True) for field in names
        ]
        output: Tensor = self._operator(current, *values, backend)
        return output

    def available(
        self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> dict[str, str | None]:
        """Map each backend's name to the reason why it cannot run on `device` and `dtype`, None if it can."""
        device = torch.device(device)
        return {backend.name: backend.unavailable(device, dtype) for backend in self.backends}

    def resolve(self, name: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Backend:
        """Return the backend called `name`, or for ``"auto"`` the fastest that can run.

        Raises
        ------
        BackendUnavailableError
            If `name` is unknown, or that backend cannot run here; nothing falls back silently.
        """
        device = torch.device(device)
        if name == "auto":
            return self._fastest(device, dtype)
        for backend in self.backends:
            if backend.name == name:
                reason = backend.unavailable(device, dtype)
                if reason is not None:
                    raise BackendUnavailableError(f"backend {name!r} cannot run {self.name}: {reason}")
                return backend
        known = ", ".join(["auto", *(backend.name for backend in self.backends)])
        raise BackendUnavailableError(f"unknown backend {name!r}; expected one of {known}")

    def _fastest(self, device: torch.device, dtype: torch.dtype) -> Backend:
        missed = None
        for backend in self.backends:
            if backend.home in (None, device.type):
                reason = backend.unavailable(device, dtype)
                if reason is None:
                    _log_choice(self.name, backend.name, device.type, dtype)
                    if missed is not None:
                        _warn_slow(backend.name, missed)
                    return backend
                missed = f"backend {backend.name!r} cannot run: {reason}"
        raise BackendUnavailableError(f"no backend of {self.name} can run on {device}; {missed}")

    def _register(self) -> Callable[..., Any]:
        """Register the operator, its gradient if it has one, and the shapes of both for tracing."""
        hints = {key: hint for kind in self._parameters for key, hint in typing.get_type_hints(kind).items()}
        arguments = ", ".join(f"{_schema_type(hints[field])} {field}" for names in self._fields for field in names)

        def forward(current: Tensor, *values: Any) -> Tensor:
            backend = self.resolve(values[-1], current.device, current.dtype)
            output, _ = backend.forward(current.contiguous(), *self._group(*values[:-1]), NOTHING)
            return output

        def backward(grad_output: Tensor, current: Tensor, *values: Any) -> Tensor:
            backend = self.resolve(values[-1], current.device, current.dtype)
            return backend.gradient(grad_output.contiguous(), current.contiguous(), None, self._group(*values[:-1]))

        def empty(*inputs: Any) -> Tensor:
            output: Tensor = inputs[0].new_empty(inputs[0].shape)
            return output

        def keep_input(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
            ctx.save_for_backward(inputs[0])
            ctx.values = inputs[1:]

        def differentiate(ctx: Any, grad_output: Tensor) -> tuple[Any, ...]:
            return gradient(grad_output, *ctx.saved_tensors, *ctx.values), *(None for _ in ctx.values)

        operator = torch.library.custom_op(
            f"tssl::{self.name}",
            forward,
            mutates_args=(),
            schema=f"(Tensor current, {arguments}, str backend) -> Tensor",
        )
        operator.register_fake(empty)
        if self._differentiable:
            gradient = torch.library.custom_op(
                f"tssl::{self.name}_backward",
                backward,
                mutates_args=(),
                schema=f"(Tensor grad_output, Tensor current, {arguments}, str backend) -> Tensor",
            )
            gradient.register_fake(empty)
            operator.register_autograd(differentiate, setup_context=keep_input)
        return operator

    def _parameters_of(self, *values: Any) -> tuple[object, ...]:
        """Turn the operator's flat arguments into parameter objects again."""
        rest = iter(values)
        return tuple(
            kind(**{field: next(rest) for field in names})
            for kind, names in zip(self._parameters, self._fields, strict=True)
        )


def _schema_type(hint: Any) -> str:
    return "str" if typing.get_origin(hint) is Literal else _SCHEMA_TYPES[hint]


@functools.cache
def _log_choice(scan: str, backend: str, device: str, dtype: torch.dtype) -> None:
    _LOGGER.info("%s on %s with %s: backend %s", scan, device, dtype, backend)


@functools.cache
def _warn_slow(backend: str, missed: str) -> None:
    """Say once in a process that a slower backend is used, and why."""
    warnings.warn(f"using backend {backend!r}, which is slower, because {missed}", UserWarning, stacklevel=2)
