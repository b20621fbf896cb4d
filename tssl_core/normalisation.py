"""Batch normalisation of a layer's currents over time and batch, with the neurons' threshold for scale (tdBN)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOMENTUM, EPSILON = 0.1, 1e-5
"""PyTorch's defaults."""


class TimeBatchNorm(nn.Module):
    """Threshold-dependent batch normalisation (Zheng et al., AAAI 2021, eqs. 4 to 6, with alpha = 1).

    Of each channel, ``y = lambda scale (x - mean) / sqrt(variance + epsilon) + beta``, with the mean and variance over
    time steps, batch and places; lambda starts from 1 and beta from 0 and both are trained. In evaluation mode mean and
    variance are running means of those of training, so that y is linear in x and could be folded into the weights.

    Parameters
    ----------
    channels : int
        Of the current; neurons of a fully connected layer.
    scale : float
        alpha V_th, the threshold of the neurons behind it: a standard deviation of their current.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, current: Tensor) -> Tensor:
        """Normalise ``[T, B, C, H, W]`` or ``[T, B, N]``; every time step counts as further samples."""
        running = self.running_mean, self.running_variance
        affine = self.scale * self.weight, self.bias
        whole = F.batch_norm(current.flatten(0, 1), *running, *affine, self.training, MOMENTUM, EPSILON)
        return whole.reshape(current.shape)
