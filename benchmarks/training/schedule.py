"""Learning rates by epoch: a function of the configuration and the epoch, so that a run that goes on has the same."""

import math

import torch
from torch.optim import Optimizer

from benchmarks.config.run import RunConfig


def learning_rate(config: RunConfig, epoch: int) -> float:
    """Return the learning rate of an epoch, the first one being 1.

    With ``cosine`` it falls from ``optimizer.learning_rate`` in the first epoch towards 0 behind the last one, as
    PyTorch's ``CosineAnnealingLR(T_max=epochs)`` has it when it steps once an epoch (Loshchilov & Hutter 2017, without
    restarts).
    """
    highest = config.optimizer.learning_rate
    if config.schedule == "constant":
        return highest
    return highest * (1 + math.cos(math.pi * (epoch - 1) / config.epochs)) / 2


def set_learning_rate(optimizer: Optimizer, config: RunConfig, epoch: int) -> None:
    """Give an optimiser the learning rate of an epoch; one that is constant is left alone.

    On a GPU it is a tensor that stays where it is, as a recorded step reads it there.
    """
    if config.schedule == "constant":
        return
    rate = learning_rate(config, epoch)
    for group in optimizer.param_groups:
        device = group["params"][0].device
        if device.type == "cuda":
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device).fill_(rate)
        else:
            group["lr"] = rate
