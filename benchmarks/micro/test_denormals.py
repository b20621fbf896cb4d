"""A training step of a ReLU network that has learnt its samples, with and without numbers that are all but 0.

Softmax gives wrong classes less than float32 can hold at full precision, so the gradient is full of denormal numbers.
Both ways have to give the same gradient before they are timed.
"""

from functools import partial

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.config.settings import OptimizerConfig
from benchmarks.micro.test_step import STEPS, batch_of, gradients, model_of
from benchmarks.micro.timing import interleaved_medians, record
from benchmarks.platform.denormals import denormals_as_zero
from benchmarks.training.optimisation import make_optimizer, train_step

CERTAINTY = 90.0
"""Standard deviation of the logits: wrong classes get e^-90, about 1e-39."""


def test_step_after_all_is_learnt(benchmark: BenchmarkFixture) -> None:
    """Forward, loss, backward, clipping, AdamW."""
    step = STEPS["MNIST CNN"]
    model = model_of(step, "auto", "ann")
    inputs, _ = batch_of(step)
    with torch.no_grad():
        *_, last = model.parameters()
        last.mul_(CERTAINTY / model(inputs).std())
        labels = model(inputs).sum(0).argmax(-1)
    expected, got = (call(model, inputs, labels) for call in (gradients, denormals_as_zero()(gradients)))
    assert any(((part.abs() > 0) & (part.abs() < torch.finfo(part.dtype).tiny)).any() for part in expected)
    for flushed, kept in zip(got, expected, strict=True):
        assert (flushed - kept).abs().max() <= 1e-6 * kept.abs().max() + torch.finfo(kept.dtype).tiny
    optimizer = make_optimizer(model, OptimizerConfig(learning_rate=1e-12))
    take_step = partial(train_step, model, optimizer, inputs, labels, grad_clip=1.0)
    milliseconds = interleaved_medians({"as 0": denormals_as_zero()(take_step), "kept": take_step})
    record(
        benchmark,
        work="training step after all is learnt",
        label=f"MNIST CNN, ReLU, batch {step.batch_size}",
        milliseconds=milliseconds,
        ratio={"kept / as 0": milliseconds["kept"] / milliseconds["as 0"]},
    )
