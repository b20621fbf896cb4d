"""What the tests of fused kernels share: every compiled copy of a backend, numbers of threads, and inputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from tests.interpreter import prepare_once
from tssl_core.kernels.native import Library
from tssl_core.kernels.scan import Scan

if not torch.cuda.is_available():
    prepare_once()

COPIES = ("cpu", "cpu with AVX2", "cpu of any kind", "triton")
DEVICES = {"cpu": "cpu", "triton": "cuda" if torch.cuda.is_available() else "cpu"}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SHAPES = [(1, 1), (1, 1031), (2, 7), (3, 63), (5, 500), (7, 1031), (9, 65), (30, 64), (100, 63)]


@contextmanager
def one_of(copies: str, scan: Scan, library: Library) -> Iterator[str]:
    """Name the backend that one of `COPIES` belongs to, and have it run; skip where it cannot."""
    name = copies.partition(" ")[0]
    skip_without(scan, name)
    if name == "cpu":
        newest = ("cpu of any kind", "cpu with AVX2", "cpu").index(copies)
        if library.limit_processor(newest) < newest and copies != "cpu":
            pytest.skip("this processor has one generation of instructions only")
    yield name
    if name == "cpu":
        library.limit_processor(2)


def skip_without(scan: Scan, name: str, dtype: torch.dtype = torch.float32) -> None:
    """Skip where a backend cannot run."""
    reason = scan.available(DEVICES[name], dtype)[name]
    if reason is not None:
        pytest.skip(reason)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw in float64, so that both types get the same numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def assert_threads_do_not_matter(results: Callable[[], tuple[Tensor, Tensor]]) -> None:
    """Call a function with several numbers of threads and compare what it returns bit for bit."""
    before = torch.get_num_threads()
    seen = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            seen.append(results())
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for result in seen[1:] for one, other in zip(seen[0], result, strict=True))
