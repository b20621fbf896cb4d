"""The same on a GPU: the neuron beside the floor, and whole training steps, as they are and recorded as a CUDA graph.

Times are those of the GPU alone for the neuron, and of Python and GPU together for the steps, where the one that is
slower decides.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.config import OptimizerConfig
from benchmarks.cuda_graph import WARM_UP, Recorded
from benchmarks.determinism import choose_deterministic_kernels
from benchmarks.micro.test_neuron import LIF, SHAPES, TSSL, arrays_of, floor_ratio
from benchmarks.micro.test_step import STEPS, Step, batch_of, gradients, model_of, products_alone
from benchmarks.micro.timing import interleaved_medians, record
from benchmarks.training import make_optimizer, train_step
from tssl_core import reference
from tssl_core.kernels import resolve

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; PyTorch finds none here")
STEPS_TIMED = 20
"""Training steps between two looks at the clock."""
ROUNDS = 5
SMALLEST_BATCH = 50
"""The paper's; on a CPU larger networks are timed with less."""


def name_of_gpu() -> dict[str, str]:
    """What is kept beside each measurement."""
    return {"gpu": torch.cuda.get_device_name()}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_neuron(benchmark: BenchmarkFixture, shape: tuple[int, ...]) -> None:
    """Kernels, floor and reference; caches are emptied before each call, as all in between would empty them."""
    from triton.testing import do_bench

    grad_psc, current = (array.cuda() for array in arrays_of(shape))
    backend = resolve("triton", "cuda")
    assert torch.equal(backend.forward(current, LIF, TSSL).cpu(), reference.forward(current.cpu(), LIF))
    expected = reference.backward(grad_psc.cpu(), current.cpu(), LIF, TSSL)
    found = backend.gradient(grad_psc, current, (LIF, TSSL)).cpu()
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    output = torch.empty_like(current)
    functions: dict[str, Callable[[], object]] = {
        "forward": partial(backend.forward, current, LIF, TSSL),
        "backward": partial(backend.gradient, grad_psc, current, (LIF, TSSL)),
        "copy": partial(output.copy_, current),
        "add": partial(torch.add, grad_psc, current, out=output),
        "reference forward": partial(reference.forward, current, LIF),
        "reference backward": partial(reference.backward, grad_psc, current, LIF, TSSL),
    }
    milliseconds = {
        name: do_bench(function, warmup=5, rep=50, return_mode="median") for name, function in functions.items()
    }
    own = milliseconds["forward"] + milliseconds["backward"]
    slow = milliseconds["reference forward"] + milliseconds["reference backward"]
    ratio = {"kernels / floor": floor_ratio(milliseconds), "reference / kernels": slow / own}
    record(
        benchmark,
        work="neuron on a GPU",
        label=str(list(shape)),
        milliseconds=milliseconds,
        ratio=ratio,
        **name_of_gpu(),
    )


def repeated(function: Callable[[], object]) -> Callable[[], None]:
    """Call a function some times, then wait for the GPU."""

    def run() -> None:
        for _ in range(STEPS_TIMED):
            function()
        torch.cuda.synchronize()

    return run


def steps_of(step: Step, inputs: Tensor, labels: Tensor) -> dict[str, Callable[[], object]]:
    """The same step with kernels asked for one by one, recorded, and with neurons in plain PyTorch."""

    def taking(backend: str) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]:
        model = model_of(step, backend).cuda()
        return partial(train_step, model, make_optimizer(model, OptimizerConfig()), grad_clip=1.0)

    def call(function: Callable[[Tensor, Tensor], object]) -> Callable[[], object]:
        return lambda: function(inputs, labels)

    plain, recorded = taking("auto"), Recorded(taking("auto"), inputs.device)
    for _ in range(WARM_UP + 2):
        plain(inputs, labels)
        recorded(inputs, labels)
    return {
        "recorded": call(recorded),
        "one by one": call(plain),
        "products alone": products_alone(model_of(step, "auto").cuda(), inputs),
        "reference": call(taking("reference")),
    }


@pytest.mark.parametrize("name", STEPS)
def test_training_step(benchmark: BenchmarkFixture, name: str) -> None:
    """Forward, loss, backward, clipping, AdamW, clamping."""
    step = STEPS[name]
    step = step._replace(batch_size=max(step.batch_size, SMALLEST_BATCH))
    choose_deterministic_kernels()
    inputs, labels = (array.cuda() for array in batch_of(step))
    got = gradients(model_of(step, "auto").cuda(), inputs, labels)
    assert all(value.isfinite().all() for value in got)
    functions = {key: repeated(function) for key, function in steps_of(step, inputs, labels).items()}
    slow = {"reference": functions.pop("reference")}
    times = interleaved_medians(functions, rounds=ROUNDS) | interleaved_medians(slow, rounds=1)
    milliseconds = {key: value / STEPS_TIMED for key, value in times.items()}
    ratio = {
        "recorded / products": milliseconds["recorded"] / milliseconds["products alone"],
        "one by one / recorded": milliseconds["one by one"] / milliseconds["recorded"],
        "reference / recorded": milliseconds["reference"] / milliseconds["recorded"],
    }
    label = f"{name} {step.architecture}, T = {step.time_steps}, batch {step.batch_size}"
    record(
        benchmark,
        work="training step on a GPU",
        label=label,
        milliseconds=milliseconds,
        ratio=ratio,
        **name_of_gpu(),
    )
