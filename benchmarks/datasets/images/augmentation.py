"""Random changes of training images: what is drawn for them, and what is then done to a whole batch on its device."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

CROP_PADDING = 4
FLIP_PROBABILITY = 0.5


@dataclass(frozen=True)
class Augmentation:
    """A random change of images in two parts, so that the numbers of a whole epoch can be drawn before it begins.

    Parameters
    ----------
    draw : callable
        Takes a number of images and a generator on the CPU, and returns what decides on their changes, int64, on the
        CPU: the same numbers whatever the device of the images. The last axis goes over the images.
    change : callable
        Takes images ``[B, C, H, W]`` before normalisation, so that black is 0, and what was drawn, on their device, and
        returns changed images of the same shape and dtype.
    """

    draw: Callable[[int, torch.Generator], Tensor]
    change: Callable[[Tensor, Tensor], Tensor]


def draw_crops(images: int, draw: torch.Generator) -> Tensor:
    """Draw offsets of rows and of columns, 0 to 8, and whether to mirror, 0 or 1: ``[3, images]``, int64."""
    offsets = torch.randint(2 * CROP_PADDING + 1, (2, images), generator=draw)
    mirrored = torch.rand(images, generator=draw) < FLIP_PROBABILITY
    return torch.cat([offsets, mirrored[None].long()])


def cut(images: Tensor, drawn: Tensor) -> Tensor:
    """Cut the old size out of the images, padded by 4 black pixels, at given offsets, then mirror.

    Parameters
    ----------
    images : Tensor
        ``[B, C, H, W]``.
    drawn : Tensor
        First row and column of the padded image, 0 to 8, of which 4 moves nothing, and whether left and right change
        places, 0 or 1; ``[3, B]``, int64. All channels of an image are changed alike.
    """
    top, left, mirrored = drawn
    batch, channels, height, width = images.shape
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    columns = torch.where(mirrored[:, None].bool(), columns.flip(1), columns)
    padded = F.pad(images, [CROP_PADDING] * 4)
    of_batch = torch.arange(batch, device=images.device)[:, None, None, None]
    of_channel = torch.arange(channels, device=images.device)[:, None, None]
    return padded[of_batch, of_channel, rows[:, None, :, None], columns[:, None, None, :]]


CROP_AND_FLIP = Augmentation(draw_crops, cut)
"""Cut out at random, and mirror half of the images (authors' code, CIFAR10)."""
