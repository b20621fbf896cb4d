"""Images as files in a folder for each class: listed, checked and decoded by torchvision."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.io import decode_image

from benchmarks.errors import DatasetError
from tssl_core.architecture import InputShape

SUFFIXES = (".png", ".jpg", ".jpeg")
_FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_LISTED = 5
"""So many names at most stand in an error."""


@dataclass(frozen=True)
class FolderImages:
    """What an image folder holds.

    Parameters
    ----------
    images : Tensor
        ``[N, C, H, W]``, uint8. One image of each class after the other, so that the first samples are of all classes.
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
        Channels, height and width of every image.

    Raises
    ------
    DatasetError
        If a class is missing, unknown, empty or has another number of images than the others, or a file cannot be
        decoded or has another shape; names the folder or file.
    """
    files = [_image_files(folder / name) for name in _checked_classes(folder, classes)]
    _check_balance(folder, dict(zip(classes, map(len, files), strict=True)))
    images = torch.empty(len(files[0]), len(classes), *shape, dtype=torch.uint8)
    # One after the other: the decoder holds Python's lock, so that threads gain nothing.
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
    """Decode the images of one class into ``[N, C, H, W]`` and return their formats."""
    formats = set()
    for image, file in zip(images, files, strict=True):
        content = bytearray(file.read_bytes())
        formats.add(_format(content, file))
        try:
            decoded = decode_image(torch.frombuffer(content, dtype=torch.uint8))
        except RuntimeError as error:
            reason = str(error).splitlines()[0].rpartition(", ")[2]
            raise DatasetError(f"{file} cannot be decoded ({reason}); replace it by a whole file") from error
        if decoded.shape != image.shape or decoded.dtype != image.dtype:
            raise DatasetError(
                f"{file} is {_described(decoded)}; expected {_described(image)}: convert it, or replace it"
            )
        image.copy_(decoded)
    return formats


def _format(content: bytes | bytearray, file: Path) -> str:
    for magic, name in _FORMATS.items():
        if content.startswith(magic):
            return name
    start = content[:8].hex() or "nothing"
    raise DatasetError(f"{file} is no PNG or JPEG file: it starts with {start}; replace it by the image")


def _described(image: Tensor) -> str:
    channels, height, width = image.shape
    return f"an image of {channels} x {height} x {width} (channels, height, width), {8 * image.element_size()} bits"


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(repr(name) for name in names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
