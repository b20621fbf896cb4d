"""Random cuts and mirroring: image by image against torchvision, where the numbers come from, and where it acts."""

from functools import partial

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from benchmarks.datasets.images.augmentation import CROP_AND_FLIP, CROP_PADDING, cut, draw_crops
from benchmarks.datasets.samples.split import ImageSplit

OFFSETS = 2 * CROP_PADDING + 1


def some_images(count: int, *, height: int = 32, width: int = 32) -> Tensor:
    return torch.randint(0, 256, (count, 3, height, width), generator=seeded(1)).to(torch.uint8)


def crop_and_flip(images: Tensor, draw: torch.Generator) -> Tensor:
    return cut(images, draw_crops(len(images), draw))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("width", [32, 20])
def test_every_offset_cuts_and_mirrors_as_torchvision_does_image_by_image(width: int) -> None:
    top, left, mirrored = torch.cartesian_prod(torch.arange(OFFSETS), torch.arange(OFFSETS), torch.arange(2)).T
    images = some_images(len(top), width=width)
    changed = cut(images, torch.stack([top, left, mirrored]))
    assert (changed.dtype, changed.shape) == (torch.uint8, images.shape)
    for i, image in enumerate(images):
        padded = transforms.pad(image, [CROP_PADDING])
        expected = transforms.crop(padded, int(top[i]), int(left[i]), *image.shape[1:])
        assert torch.equal(changed[i], transforms.horizontal_flip(expected) if mirrored[i] else expected)


def test_all_offsets_and_both_sides_are_equally_frequent_and_independent() -> None:
    count = 40_500
    # The bright pixel in the middle, and the dark ones on its left, tell what has happened to an image.
    marked = torch.zeros(count, 1, 9, 10, dtype=torch.uint8)
    marked[:, :, 4, 4:6] = torch.tensor([255, 1], dtype=torch.uint8)
    changed = crop_and_flip(marked, seeded(0))[:, 0]
    bright = (changed == 255).flatten(1).int()
    assert bright.sum(1).eq(1).all(), "the middle never leaves the image"
    row, column = bright.argmax(1) // 10, bright.argmax(1) % 10
    mirrored = (changed.flatten(1) == 1).int().argmax(1) < bright.argmax(1)
    top, left = 8 - row, torch.where(mirrored, column - 1, 8 - column)
    frequency = torch.zeros(OFFSETS, OFFSETS, 2).index_put_(
        (top, left, mirrored.long()), torch.ones(1), accumulate=True
    )
    expected = count / frequency.numel()
    # Chi-squared of 161 degrees of freedom: mean 161, standard deviation 18.
    assert ((frequency - expected).square() / expected).sum() < 161 + 4 * 18


def test_equal_generators_change_equally_and_one_generator_goes_on() -> None:
    images, draw = some_images(50), seeded(3)
    first, second = crop_and_flip(images, draw), crop_and_flip(images, draw)
    assert torch.equal(first, crop_and_flip(images, seeded(3)))
    assert not torch.equal(first, second)


def test_a_split_changes_bytes_before_it_normalises_and_only_for_training() -> None:
    images = some_images(6)
    split = ImageSplit(images, torch.arange(6), (0.5,) * 3, (0.25,) * 3, augment=CROP_AND_FLIP)
    indices = torch.tensor([4, 1])
    normalised = partial(transforms.normalize, mean=[0.5] * 3, std=[0.25] * 3)
    expected = normalised(crop_and_flip(images[indices], seeded(5)).float() / 255)
    torch.testing.assert_close(split.batch(indices, split.draw(2, seeded(5)))[0], expected)
    torch.testing.assert_close(split.batch(indices)[0], normalised(images[indices].float() / 255))
