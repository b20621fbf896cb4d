"""What makes the same run give the same bits twice, as far as PyTorch can be told."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def choose_deterministic_kernels(*, benchmark: bool = False) -> None:
    """Keep cuDNN from algorithms that add in any order, and say how it chooses among the others.

    Parameters
    ----------
    benchmark : bool
        Whether it times all of them in the first convolution of each kind and shape, and keeps the fastest as long as
        the process lasts, instead of going by its own rules. A step that is recorded afterwards holds the choice, and
        one process gives the same bits each time. Another process may find another one the fastest, and then rounds
        differently.
    """
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = benchmark


def allow_tf32(allowed: bool) -> None:
    """Let float32 convolutions and matrix products on a GPU round their factors to TF32, or not."""
    with _older_names():
        torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cuda.matmul.allow_tf32 = allowed


def describe_determinism() -> str:
    """Name the switches of PyTorch that results depend on, as they stand."""
    cudnn = torch.backends.cudnn
    with _older_names():
        switches = {
            "cudnn.deterministic": cudnn.deterministic,
            "cudnn.benchmark": cudnn.benchmark,
            "cudnn.allow_tf32": cudnn.allow_tf32,
            "matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32,
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        }
    return ", ".join(f"{name}={value}" for name, value in switches.items())


@contextmanager
def _older_names() -> Iterator[None]:
    """Take no notice that PyTorch has other names for TF32's switches: who sets those can no longer ask for these.

    `torch.compile` asks for these.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Please use the new API settings to control TF32", UserWarning)
        yield
