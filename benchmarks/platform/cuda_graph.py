"""Calls recorded as a CUDA graph: once, then asked for as a whole.

In a few time steps a GPU does each kernel of a small network sooner than Python asks for the next one. A graph
asks for all of them at once. It replays the same kernels on the same memory, so that nothing is computed otherwise.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import torch
from torch import Tensor

WARM_UP = 3
"""Calls that run as they are, before one is recorded: libraries choose and load their kernels in the first ones."""

R = TypeVar("R")


class Recorded(Generic[R]):
    """A function that behaves as the one it is made of, and runs as one CUDA graph after the first few calls.

    Parameters
    ----------
    function : callable
        Takes tensors, never waits for the GPU, and does the same for all inputs of one shape. What it changes otherwise
        is memory that stays where it is, or that it makes anew.
    device : torch.device
        A GPU.

    Notes
    -----
    A recording belongs to the state of Python's objects at that time; see `hold`. What a call returns is overwritten by
    the next one.
    """

    def __init__(self, function: Callable[..., R], device: torch.device) -> None:
        self._function = function
        self._stream = torch.cuda.Stream(device)
        self._state: Hashable = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._given: tuple[Tensor, ...] = ()
        self._returned: list[R] = []
        self._calls = 0

    def hold(self, state: Hashable) -> None:
        """Say what the function depends on beside tensors; if that is not what it was, it is recorded anew."""
        if state != self._state:
            self._graph, self._given, self._returned, self._calls = None, (), [], 0
        self._state = state

    def __call__(self, *inputs: Tensor) -> R:
        """Call the function; inputs of another shape than those of the recording are taken as they are."""
        if self._calls < WARM_UP:
            self._calls += 1
            return self.aside(self._function, *inputs)
        if self._graph is None:
            self._graph, self._given = torch.cuda.CUDAGraph(), tuple(new.clone() for new in inputs)
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._returned = [self._function(*self._given)]
        if any(new.shape != old.shape for new, old in zip(inputs, self._given, strict=True)):
            return self.aside(self._function, *inputs)
        for new, old in zip(inputs, self._given, strict=True):
            old.copy_(new)
        self._graph.replay()
        return self._returned[0]

    def aside(self, function: Callable[..., R], *inputs: Tensor | None) -> R:
        """Call any function as it is on the stream of the recording, as PyTorch asks of calls before one."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            returned = function(*inputs)
        torch.cuda.current_stream().wait_stream(self._stream)
        return returned
