"""Random changes of training images, for a whole batch at once on its device."""

import torch
from torch import Tensor
from torch.nn import functional as F

CROP_PADDING = 4
FLIP_PROBABILITY = 0.5


def crop_and_flip(images: Tensor, draw: torch.Generator) -> Tensor:
    """Pad by 4 black pixels, cut out the old size at random, and mirror half of the images (authors' code, CIFAR10).

    Parameters
    ----------
    images : Tensor
        ``[B, C, H, W]``, before normalisation, so that black is 0.
    draw : Generator
        On the CPU: the same numbers whatever the device of the images.

    Returns
    -------
    Tensor
        Of the same shape and dtype; each image has its own cut, and is mirrored or not, alike in all channels.
    """
    batch = len(images)
    top, left = torch.randint(2 * CROP_PADDING + 1, (2, batch), generator=draw)
    mirrored = torch.rand(batch, generator=draw) < FLIP_PROBABILITY
    return cut(images, *(values.to(images.device) for values in (top, left, mirrored)))


def cut(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor) -> Tensor:
    """Cut the old size out of the padded images at given offsets, then mirror.

    Parameters
    ----------
    images : Tensor
        ``[B, C, H, W]``.
    top, left : Tensor
        First row and column of the padded image, ``[B]``, int64, 0 to 8; 4 moves nothing.
    mirrored : Tensor
        Whether left and right change places, ``[B]``, bool.
    """
    batch, channels, height, width = images.shape
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    padded = F.pad(images, [CROP_PADDING] * 4)
    of_batch = torch.arange(batch, device=images.device)[:, None, None, None]
    of_channel = torch.arange(channels, device=images.device)[:, None, None]
    return padded[of_batch, of_channel, rows[:, None, :, None], columns[:, None, None, :]]
