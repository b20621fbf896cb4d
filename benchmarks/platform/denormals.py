"""Numbers too small for the processor."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Take numbers below 1.2e-38 as 0, in this thread and those that it starts meanwhile; on the CPU alone.

    Intel's processors take some 30 times longer for a product with such a number, and the gradient of a cross entropy
    is full of them once samples are learnt: softmax gives wrong classes less. Weights do not feel them.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
