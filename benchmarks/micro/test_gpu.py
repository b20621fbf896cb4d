"""The same on a GPU: the neuron beside the floor, and whole training steps, as they are and recorded as a CUDA graph.

Times are those of the GPU alone for the neuron, and of Python and GPU together for the steps, where the one that is
slower decides.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from baselines.method import Model
from benchmarks.config.settings import OptimizerConfig
from benchmarks.defaults import Precision
from benchmarks.micro.peers import SpikingJelly
from benchmarks.micro.test_neuron import LIF, SHAPES, TSSL, arrays_of, floor_ratio
from benchmarks.micro.test_step import STEPS, Step, batch_of, model_of, products_alone
from benchmarks.micro.timing import interleaved_medians, record
from benchmarks.platform.cuda_graph import WARM_UP, Recorded
from benchmarks.platform.determinism import choose_deterministic_kernels
from benchmarks.platform.precision import HALF, choose_precision, loss_scale
from benchmarks.training.optimisation import make_optimizer, train_step
from benchmarks.training.training import placed
from tssl_core import reference, spiking_psc
from tssl_core.kernels import SPIKING_PSC, resolve
from tssl_core.kernels.fusion import NOTHING, Fusion, Pooling, composed
from tssl_core.layers import SUM_POOL_GAIN

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; PyTorch finds none here")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
STEPS_TIMED = 20
"""Training steps between two looks at the clock."""
ROUNDS = 5
SMALLEST_BATCH = 50
"""The paper's; on a CPU larger networks are timed with less."""


def name_of_gpu() -> dict[str, Any]:
    """What is kept beside each measurement."""
    return {"gpu": torch.cuda.get_device_name()}


def medians(functions: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds of the GPU; caches are emptied before each call, as all in between would empty them."""
    from triton.testing import do_bench

    return {name: do_bench(function, warmup=5, rep=50, return_mode="median") for name, function in functions.items()}


def assert_near(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Compare with the largest value that is expected."""
    assert (found.cpu() - expected.cpu()).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_neuron(benchmark: BenchmarkFixture, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Kernels, floor and reference."""
    grad_psc, current = (array.to("cuda", dtype) for array in arrays_of(shape))
    backend = resolve("triton", "cuda", dtype)
    output, kept = backend.forward(current, LIF, TSSL, NOTHING)
    backward = partial(backend.gradient, grad_psc, current, kept, (LIF, TSSL))
    exact_grad, exact = grad_psc.float().cpu(), current.float().cpu()
    assert torch.equal(output.cpu(), reference.forward(exact, LIF).to(dtype))
    tolerance = max(1e-5, torch.finfo(dtype).eps)
    assert_near(backward().float(), reference.backward(exact_grad, exact, LIF, TSSL), tolerance)
    target = torch.empty_like(current)
    milliseconds = medians(
        {
            "forward": partial(backend.forward, current, LIF, TSSL, NOTHING),
            "backward": backward,
            "copy": partial(target.copy_, current),
            "add": partial(torch.add, grad_psc, current, out=target),
            "reference forward": partial(reference.forward, current, LIF),
            "reference backward": partial(reference.backward, grad_psc, current, LIF, TSSL),
        }
    )
    own = milliseconds["forward"] + milliseconds["backward"]
    slow = milliseconds["reference forward"] + milliseconds["reference backward"]
    ratio = {"kernels / floor": floor_ratio(milliseconds), "reference / kernels": slow / own}
    label = f"{list(shape)}, {dtype}"
    record(benchmark, work="neuron on a GPU", label=label, milliseconds=milliseconds, ratio=ratio, **name_of_gpu())


def both_passes(layer: Callable[[Tensor], Tensor], current: Tensor) -> Callable[[], Tensor]:
    """Forward and backward pass of a layer, for an error drawn once; returns dL/dI."""
    leaf = current.detach().requires_grad_()
    output = layer(leaf).detach()
    generator = torch.Generator("cuda").manual_seed(0)
    grad = output.copy_(torch.randn(output.shape, generator=generator, device="cuda", dtype=output.dtype))
    return lambda: torch.autograd.grad(layer(leaf), leaf, grad)[0]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
def test_parts_of_a_step(benchmark: BenchmarkFixture, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Neurons with dropout and sum pooling, forward and backward: fused, one after the other, and in other ways.

    SpikingJelly's neuron, on the kernel that it chooses itself, and the reference in ``torch.compile`` are neurons
    alone. The floor is a copy and an addition of the current, which the neurons alone would take at least.
    """
    steps, batch, channels, height, width = shape
    current = arrays_of((steps, batch, height, width, channels))[1].to("cuda", dtype).movedim(-1, 2)
    factors = (torch.rand(1, batch, height, channels, 1, device="cuda") > 0.2) / 0.8
    fusion = Fusion(dropout=factors.to(dtype).transpose(2, 3), pool=Pooling(2, SUM_POOL_GAIN))
    neuron = partial(spiking_psc, lif=LIF, tssl=TSSL)
    layers: dict[str, Callable[[Tensor], Tensor]] = {
        "fused": lambda x: SPIKING_PSC(x, LIF, TSSL, backend="triton", fusion=fusion),
        "one after the other": lambda x: composed(neuron, x, fusion),
        "neuron alone": neuron,
    }
    peer = SpikingJelly()
    missing = peer.missing()
    if missing is None:
        layers["SpikingJelly's neuron alone"] = peer.neuron(LIF).cuda()
    functions: dict[str, Callable[[], object]] = {name: both_passes(layer, current) for name, layer in layers.items()}
    if dtype == torch.float32:
        fused, composed_ = layers["fused"], layers["one after the other"]
        assert torch.equal(fused(current), composed_(current))
        assert_near(both_passes(fused, current)(), both_passes(composed_, current)(), 1e-5)
    compiled = torch.compile(reference.forward), torch.compile(reference.backward)
    grad, target = torch.empty_like(current).normal_(), torch.empty_like(current)
    functions |= {
        "compiled reference forward": partial(compiled[0], current, LIF),
        "compiled reference backward": partial(compiled[1], grad, current, LIF, TSSL),
        "copy": partial(target.copy_, current),
        "add": partial(torch.add, grad, current, out=target),
    }
    milliseconds = medians(functions)
    floor = milliseconds["copy"] + milliseconds["add"]
    ratio = {
        "one after the other / fused": milliseconds["one after the other"] / milliseconds["fused"],
        "fused / floor": milliseconds["fused"] / floor,
    }
    record(
        benchmark,
        work="parts of a step on a GPU",
        label=f"{list(shape)}, {dtype}",
        milliseconds=milliseconds,
        ratio=ratio,
        versions={} if missing else {peer.name: peer.version()},
        missing={peer.name: missing} if missing else {},
        **name_of_gpu(),
    )


def repeated(function: Callable[[], object]) -> Callable[[], None]:
    """Call a function some times, then wait for the GPU."""

    def run() -> None:
        for _ in range(STEPS_TIMED):
            function()
        torch.cuda.synchronize()

    return run


def steps_of(step: Step, inputs: Tensor, labels: Tensor, precision: Precision) -> dict[str, Callable[[], Any]]:
    """The same step with kernels asked for one by one, recorded, and with neurons in plain PyTorch."""

    def model(backend: str) -> Model:
        made = placed(model_of(step, backend), inputs.device)
        made.products = choose_precision(inputs.device, precision)
        return made

    def taking(backend: str) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]:
        own = model(backend)
        scale = loss_scale(precision)
        return partial(train_step, own, make_optimizer(own, OptimizerConfig()), grad_clip=1.0, loss_scale=scale)

    def call(function: Callable[[Tensor, Tensor], object]) -> Callable[[], Any]:
        return lambda: function(inputs, labels)

    plain, recorded = taking("auto"), Recorded(taking("auto"), inputs.device)
    for _ in range(WARM_UP + 2):
        plain(inputs, labels)
        recorded(inputs, labels)
    return {
        "recorded": call(recorded),
        "one by one": call(plain),
        "products alone": products_alone(model("auto"), inputs),
        "reference": call(taking("reference")),
    }


@pytest.mark.parametrize("precision", get_args(Precision))
@pytest.mark.parametrize("name", STEPS)
def test_training_step(benchmark: BenchmarkFixture, name: str, precision: Precision) -> None:
    """Forward, loss, backward, clipping, AdamW, clamping."""
    step = STEPS[name]
    step = step._replace(batch_size=max(step.batch_size, SMALLEST_BATCH))
    choose_deterministic_kernels(benchmark=precision in HALF)
    inputs, labels = (array.cuda() for array in batch_of(step))
    made = steps_of(step, inputs, labels, precision)
    for key in ("recorded", "one by one", "reference"):
        assert made[key]()[0].isfinite(), f"the loss of {key} is not finite"
    functions = {key: repeated(function) for key, function in made.items()}
    slow = {"reference": functions.pop("reference")}
    times = interleaved_medians(functions, rounds=ROUNDS) | interleaved_medians(slow, rounds=1)
    milliseconds = {key: value / STEPS_TIMED for key, value in times.items()}
    ratio = {
        "recorded / products": milliseconds["recorded"] / milliseconds["products alone"],
        "one by one / recorded": milliseconds["one by one"] / milliseconds["recorded"],
        "reference / recorded": milliseconds["reference"] / milliseconds["recorded"],
    }
    label = f"{name} {step.architecture}, T = {step.time_steps}, batch {step.batch_size}, {precision}"
    record(
        benchmark,
        work="training step on a GPU",
        label=label,
        milliseconds=milliseconds,
        ratio=ratio,
        **name_of_gpu(),
    )
