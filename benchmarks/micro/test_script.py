"""What a plain script gets that calls the neuron and nothing else of the suite, in several processes one after another.

A fresh process pays for each page that it writes first, so the first calls of a script do not count; from the third on
a call is held against the floor, as in `test_neuron`, timed beside it in the same process.
"""

import subprocess
import sys
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.timing import record
from tssl_core.kernels import available

SHAPES = ((5, 50, 32, 28, 28), (5, 100, 32, 28, 28))
PROCESSES, CALLS, FIRST = 10, 10, 3
SCRIPT = """
import sys, time
import torch
from tssl_core import spiking_psc

torch.set_num_threads(2)
shape = tuple(map(int, sys.argv[2:]))
current, grad, output = torch.randn(shape) * 0.8, torch.randn(shape), torch.zeros(shape)
leaf = current.clone().requires_grad_()
for _ in range(int(sys.argv[1])):
    start = time.perf_counter()
    torch.autograd.grad(spiking_psc(leaf), leaf, grad)
    called = time.perf_counter()
    output.copy_(current)
    torch.add(grad, current, out=output)
    print(called - start, time.perf_counter() - called)
"""


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_script(benchmark: BenchmarkFixture, shape: tuple[int, ...]) -> None:
    """Both passes, through autograd, with fresh outputs in each call."""
    reason = available()["cpu"]
    if reason is not None:
        pytest.skip(reason)
    command = [sys.executable, "-c", SCRIPT, str(CALLS), *map(str, shape)]
    calls, floors, worst = [], [], []
    for _ in range(PROCESSES):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = [tuple(map(float, line.split())) for line in done.stdout.splitlines()][FIRST - 1 :]
        assert len(rows) == CALLS - FIRST + 1
        calls += [own for own, _ in rows]
        floors += [floor for _, floor in rows]
        worst.append(max(own for own, _ in rows) / median(floor for _, floor in rows))
    record(
        benchmark,
        work=f"a plain script, {PROCESSES} processes, calls {FIRST} to {CALLS}",
        label=str(list(shape)),
        milliseconds={"call": 1000 * median(calls), "floor": 1000 * median(floors)},
        ratio={
            "call / floor": median(own / floor for own, floor in zip(calls, floors, strict=True)),
            "slowest call of a process, median": median(worst),
            "of all processes": max(worst),
        },
    )
