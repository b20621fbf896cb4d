"""Libraries that one dataset alone needs, and that take a second to import: imported when they are needed."""

from importlib import import_module
from typing import Any

from benchmarks.errors import DatasetError


def needed(module: str, *, package: str) -> Any:
    """Import a module of a package that need not be installed.

    Raises
    ------
    DatasetError
        If it is not; says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise DatasetError(f"the dataset needs {package}, which is not installed: pip install {package}") from error


def torchvision_dataset(name: str) -> Any:
    """Return a class of ``torchvision.datasets``."""
    return getattr(needed("torchvision.datasets", package="torchvision"), name)
