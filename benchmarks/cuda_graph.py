"""A training step as a CUDA graph: recorded once, then asked for as a whole.

In a few time steps a GPU does each kernel of a small network sooner than Python asks for the next one. A graph
asks for all of them at once. It replays the same kernels on the same memory, so that nothing is computed otherwise.
"""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3
"""Calls that run as they are, before one is recorded: libraries choose and load their kernels in the first ones."""

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""Takes inputs and targets; what it changes otherwise is memory that stays where it is, or that it makes anew."""


class Recorded:
    """A step that behaves as the one it is made of, and on the GPU runs as one CUDA graph after the first few calls.

    Parameters
    ----------
    step : callable
        Never waits for the GPU, and does the same for all inputs of one shape.
    device : torch.device
        A GPU.

    Notes
    -----
    The recorded step belongs to the state of Python's objects at that time. Make a new one when they change, as models
    may from epoch to epoch. What a call returns is overwritten by the next one.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        self._step = step
        self._stream = torch.cuda.Stream(device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._given: tuple[Tensor, ...] = ()
        self._returned: tuple[Tensor, Tensor | None] | None = None
        self._calls = 0

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """Take the step; inputs of another shape than the first take it as it is."""
        if self._calls < WARM_UP:
            self._calls += 1
            return self._take_as_it_is(inputs, targets)
        if self._returned is None or self._graph is None:
            self._graph, self._given = torch.cuda.CUDAGraph(), (inputs.clone(), targets.clone())
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._returned = self._step(*self._given)
        if any(new.shape != old.shape for new, old in zip((inputs, targets), self._given, strict=True)):
            return self._take_as_it_is(inputs, targets)
        for new, old in zip((inputs, targets), self._given, strict=True):
            old.copy_(new)
        self._graph.replay()
        return self._returned

    def _take_as_it_is(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """Take the step on the stream of the recording, as PyTorch asks of calls before one."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            returned = self._step(inputs, targets)
        torch.cuda.current_stream().wait_stream(self._stream)
        return returned
