"""Plug-ins by file: every concrete class of a kind that a package's modules define is found by its name."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

from baselines.plugins import PluginError, plugin_modules

T = TypeVar("T")

OWN = ("tssl_core", "baselines", "benchmarks")
"""Packages that are never taken for one that is not installed."""


def discover(package: ModuleType, kind: type[T]) -> dict[str, T]:
    """Instantiate what `discover_classes` finds."""
    return {name: found() for name, found in discover_classes(package, kind).items()}


def discover_classes(package: ModuleType, kind: type[T], lacking: dict[str, str] | None = None) -> dict[str, type[T]]:
    """Find every concrete subclass of `kind` that has a ``name``, in the modules of `package` and in `plugin_modules`.

    Parameters
    ----------
    package : module
        Its modules are imported; subpackages are left alone.
    kind : type
        The contract.
    lacking : dict, optional
        Gets the modules that need a package which is not installed, by name, and that package; without it, such a
        module is an error.

    Returns
    -------
    dict
        Classes by name, sorted.

    Raises
    ------
    PluginError
        If two classes have the same name, or a plug-in from elsewhere cannot be imported.
    """
    found: dict[str, type[T]] = {}
    for module in [*_modules_of(package, lacking), *plugin_modules()]:
        for name, value in classes_in(module, kind).items():
            if name in found:
                raise PluginError(f"two plug-ins are called {name!r}; the second is {value}: rename one")
            found[name] = value
    return dict(sorted(found.items()))


def classes_in(module: ModuleType, kind: type[T]) -> dict[str, type[T]]:
    """Concrete subclasses of `kind` that have a ``name`` and are defined in a module, by that name.

    Raises
    ------
    PluginError
        If two of them have the same name.
    """
    found: dict[str, type[T]] = {}
    for value in vars(module).values():
        if _is_plugin(value, kind, module):
            if found.get(value.name, value) is not value:
                raise PluginError(f"two plug-ins are called {value.name!r}; the second is {value}: rename one")
            found[value.name] = value
    return found


def _modules_of(package: ModuleType, lacking: dict[str, str] | None) -> Iterator[ModuleType]:
    for module_info in pkgutil.iter_modules(package.__path__):
        try:
            yield importlib.import_module(f"{package.__name__}.{module_info.name}")
        except ModuleNotFoundError as error:
            if lacking is None or error.name is None or error.name.partition(".")[0] in OWN:
                raise
            lacking[module_info.name] = error.name.partition(".")[0]


def _is_plugin(value: object, kind: type, module: ModuleType) -> bool:
    defined_here = isinstance(value, type) and issubclass(value, kind) and value.__module__ == module.__name__
    return defined_here and not inspect.isabstract(value) and hasattr(value, "name")
