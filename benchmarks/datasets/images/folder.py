"""Images as files in a folder for each class: listed, checked, and decoded by Pillow."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from benchmarks.errors import DatasetError
from tssl_core.architecture import InputShape

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
_LISTED = 5
"""So many names at most stand in an error."""


@dataclass(frozen=True)
class FolderImages:
    """What an image folder holds.

    Parameters
    ----------
    images : Tensor
        ``[N, 3, H, W]``, uint8. One image of each class after the other, so that the first samples are of all classes.
    labels : Tensor
        ``[N]``, int64.
    formats : frozenset of str
        ``"JPEG"``, ``"PNG"`` or both, by the content of the files and not by their names.
    """

    images: Tensor
    labels: Tensor
    formats: frozenset[str]


def read_image_folder(folder: Path, classes: Sequence[str], shape: InputShape) -> FolderImages:
    """Read ``<folder>/<class>/<file>``; names that start with a dot are left out.

    Parameters
    ----------
    folder : Path
        Has a folder for each class and no other one.
    classes : sequence of str
        Their position is the label.
    shape : (int, int, int)
        Channels, which are 3, height and width of every image.

    Raises
    ------
    DatasetError
        If a class is missing, unknown, empty or has another number of images than the others, or a file cannot be
        decoded or is of another kind; names the folder or file.
    """
    files = [_image_files(folder / name) for name in _checked_classes(folder, classes)]
    _check_balance(folder, dict(zip(classes, map(len, files), strict=True)))
    images = torch.empty(len(files[0]), len(classes), *shape, dtype=torch.uint8)
    # One after the other: for images this small the time goes into Python, where threads would wait for each other.
    formats = frozenset().union(*map(_decode_into, images.unbind(1), files))
    labels = torch.arange(len(classes)).repeat(len(files[0]))
    return FolderImages(images.flatten(0, 1), labels, formats)


def _checked_classes(folder: Path, classes: Sequence[str]) -> Sequence[str]:
    """Return the classes, if just these have a folder."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder; expected one that holds a folder for each of {', '.join(classes)}")
    found = {entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")}
    if missing := [name for name in classes if name not in found]:
        raise DatasetError(f"{folder} has no folder {_names(missing)}; expected one for each of {', '.join(classes)}")
    if unknown := sorted(found - set(classes)):
        raise DatasetError(
            f"{folder} has the folder {_names(unknown)}; expected none but {', '.join(classes)}: rename or move it"
        )
    return classes


def _image_files(folder: Path) -> list[Path]:
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    for name in names:
        if not name.lower().endswith(SUFFIXES):
            raise DatasetError(f"{folder / name} is no image; expected only {', '.join(SUFFIXES)} files: move it away")
    return [folder / name for name in names]


def _check_balance(folder: Path, counts: dict[str, int]) -> None:
    if len(set(counts.values())) > 1 or not any(counts.values()):
        listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise DatasetError(
            f"{folder} has images by class: {listed}; expected the same number of each, at least 1: unpack it again"
        )


def _decode_into(images: Tensor, files: Sequence[Path]) -> set[str]:
    """Decode the images of one class into ``[N, 3, H, W]`` and return their formats."""
    formats = set()
    for image, file in zip(images, files, strict=True):
        decoded, name = _decode(file, size=(image.shape[2], image.shape[1]))
        image.copy_(torch.from_numpy(decoded).movedim(-1, 0))
        formats.add(name)
    return formats


def _decode(file: Path, *, size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Return the pixels ``[H, W, 3]`` of an image of that width and height, and its format."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if (image.mode, image.size) != ("RGB", size):
                raise DatasetError(
                    f"{file} is an image of {image.width} x {image.height} pixels and mode {image.mode}; expected "
                    f"{size[0]} x {size[1]} and RGB: convert or replace it"
                )
            return np.array(image), str(image.format)
    except UnidentifiedImageError as error:
        raise DatasetError(f"{file} is no {' or '.join(FORMATS)} file; replace it by the image") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{file} cannot be read ({error}); replace it by a whole file") from error


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(repr(name) for name in names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
