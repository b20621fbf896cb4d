"""A whole training step of each of the paper's networks, and beside it the part that no neuron can take away.

*products alone* runs the convolutions and matrix products of the same step, forward and backward, on the same shapes
and in the same memory order, and nothing else. *not fused* is the step with the gain of the input, dropout and pooling
apart from the neurons, and *reference* that with neurons in plain PyTorch, too. All have to give the same loss and, to
rounding, the same gradient before they are timed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from baselines.method import Model, NetworkSpec, get_method
from benchmarks.config.settings import OptimizerConfig
from benchmarks.micro.timing import interleaved_medians, record
from benchmarks.training.optimisation import make_optimizer, train_step
from tssl_core import parse_architecture
from tssl_core.architecture import InputShape
from tssl_core.kernels import scan


class Step(NamedTuple):
    """One of the paper's networks with its batch."""

    architecture: str
    input_shape: InputShape
    batch_size: int
    time_steps: int = 5
    events: bool = False
    parameters: dict[str, Any] = {}  # noqa: RUF012


STEPS = {
    "FashionMNIST MLP": Step("400-400", (1, 28, 28), 100),
    "MNIST CNN": Step("15C5-P2-40C5-P2-300", (1, 28, 28), 50),
    "FashionMNIST CNN": Step("32C5p2-P2-64C5p2-P2-1024", (1, 28, 28), 50),
    "N-MNIST CNN": Step("12C5p1-P2-64C5-P2", (2, 34, 34), 10, time_steps=30, events=True),
    # A batch of 10 and not of 50, as this takes seconds.
    "CIFAR-10 CNN1": Step("96C3p1-256C3p1-P2-384C3p1-P2-384C3p1-256C3p1-1024-1024", (3, 32, 32), 10),
}
ROUNDS = 7


def model_of(step: Step, backend: str, name: str = "tssl_bp") -> Model:
    """Make the network of a step for a method, with the same weights for any backend."""
    method = get_method(name)
    spec = NetworkSpec(
        architecture=parse_architecture(step.architecture),
        input_shape=step.input_shape,
        classes=10,
        time_steps=step.time_steps,
        events=step.events,
    )
    torch.manual_seed(0)
    return method.build(spec, method.Parameters(), backend=backend)


def batch_of(step: Step) -> tuple[Tensor, Tensor]:
    """Make noise that looks like a normalised batch, and labels."""
    generator = torch.Generator().manual_seed(1)
    shape = (step.batch_size, *step.input_shape)
    inputs = torch.randn(shape, generator=generator)
    if step.events:
        inputs = (torch.rand(step.time_steps, *shape, generator=generator) < 0.05).float()
    return inputs, torch.randint(10, (step.batch_size,), generator=generator)


def gradients(model: Model, inputs: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the loss and the gradient of every weight."""
    loss = model.loss(model(inputs), labels)
    return [loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


def products_alone(model: Model, inputs: Tensor) -> Callable[[], None]:
    """Return the convolutions and matrix products of a step, forward and backward, as one function."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def keep(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        # The first layer's input needs no gradient.
        calls.append((layer, given[0].detach().requires_grad_(bool(calls)), torch.randn_like(output)))

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(keep) for layer in layers]
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()

    def run() -> None:
        half = model.products
        for layer, given, grad_output in calls:
            wanted = [*layer.parameters(), *([given] if given.requires_grad else [])]
            with torch.autocast(inputs.device.type, dtype=half, enabled=half is not None):
                output = layer(given)
            torch.autograd.grad(output, wanted, grad_output)

    return run


@contextmanager
def nothing_fused() -> Iterator[None]:
    """Have neurons and what is around them done one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "can_fuse", lambda _current, _fusion: False)
        yield


@pytest.mark.parametrize("name", STEPS)
def test_training_step(benchmark: BenchmarkFixture, name: str) -> None:
    """Forward, loss, backward, clipping, AdamW, clamping."""
    step = STEPS[name]
    inputs, labels = batch_of(step)
    models = {
        "suite": model_of(step, "auto"),
        "not fused": model_of(step, "auto"),
        "reference": model_of(step, "reference"),
    }
    own = {"not fused": nothing_fused()(gradients)}
    loss, *gradient = gradients(models["suite"], inputs, labels)
    for key in ("not fused", "reference"):
        expected_loss, *expected_gradient = own.get(key, gradients)(models[key], inputs, labels)
        assert torch.equal(loss, expected_loss)
        for got, expected in zip(gradient, expected_gradient, strict=True):
            assert (got - expected).abs().max() <= 1e-4 * expected.abs().max()
    functions: dict[str, Callable[[], object]] = {
        key: partial(train_step, model, make_optimizer(model, OptimizerConfig()), inputs, labels, grad_clip=1.0)
        for key, model in models.items()
    }
    slow = {"reference": functions.pop("reference")}
    functions["not fused"] = nothing_fused()(functions["not fused"])
    functions["products alone"] = products_alone(models["suite"], inputs)
    milliseconds = interleaved_medians(functions, rounds=ROUNDS) | interleaved_medians(slow, rounds=2)
    ratio = {
        "suite / products": milliseconds["suite"] / milliseconds["products alone"],
        "not fused / suite": milliseconds["not fused"] / milliseconds["suite"],
        "reference / suite": milliseconds["reference"] / milliseconds["suite"],
    }
    label = f"{name} {step.architecture}, T = {step.time_steps}, batch {step.batch_size}"
    record(benchmark, work="training step", label=label, milliseconds=milliseconds, ratio=ratio)
