"""A step of the optimiser, and what it leaves behind."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW, Optimizer

from baselines.method import Model
from benchmarks.config.settings import OptimizerConfig


def make_optimizer(model: Model, config: OptimizerConfig) -> Optimizer:
    """AdamW as the authors' code sets it up."""
    on_gpu = any(weight.is_cuda for weight in model.parameters())
    # What may be recorded as a CUDA graph counts its steps on the GPU.
    return AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True, capturable=on_gpu
    )


def train_step(
    model: Model,
    optimizer: Optimizer,
    inputs: Tensor,
    targets: Tensor,
    *,
    grad_clip: float,
    loss: Callable[[Model, Tensor, Tensor], Tensor] = lambda model, output, targets: model.loss(output, targets),
    loss_scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Take one step of the optimiser.

    Parameters
    ----------
    model, optimizer
        Changed in place; the optimiser has all weights in one group.
    inputs, targets : Tensor
        One batch, on the model's device.
    grad_clip : float
        Global norm of the gradient, 0 for none.
    loss : callable
        Of a model, its output and the targets; by default the model's own, for classes.
    loss_scale : float
        A power of two by which gradients are larger on their way back; taken out again before they are clipped.

    Returns
    -------
    loss, output : Tensor
        Detached; scalar summed over the batch, and ``[T, B, classes]``.
    """
    (weights,) = (group["params"] for group in optimizer.param_groups)
    for weight in weights:
        weight.grad = None
    output = model(inputs)
    summed = loss(model, output, targets)
    if loss_scale == 1:
        summed.backward()
    else:
        (summed * loss_scale).backward()
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        torch._foreach_mul_(gradients, 1 / loss_scale)
    if grad_clip:
        clip_grad_norm_(weights, grad_clip)
    optimizer.step()
    model.after_step()
    return summed.detach(), output.detach()


def not_finite(model: Model, optimizer: Optimizer) -> list[str]:
    """Name the weights that are infinite or NaN, or whose state in the optimiser is; waits once for a GPU."""
    tensors = {
        name: [weight, *(value for value in optimizer.state[weight].values() if isinstance(value, Tensor))]
        for name, weight in model.named_parameters()
        if weight in optimizer.state
    }
    finite = [torch.stack([value.isfinite().all() for value in values]).all() for values in tensors.values()]
    known = torch.stack(finite).tolist() if finite else []
    return [name for name, is_finite in zip(tensors, known, strict=True) if not is_finite]
