"""Plug-ins by file: every concrete class of a kind that a package's modules define is found by its name."""

import functools
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any, TypeVar, cast

T = TypeVar("T")


def discover(package: ModuleType, kind: type[T]) -> dict[str, T]:
    """Instantiate every concrete subclass of `kind` that has a ``name`` and is defined in a module of `package`.

    Parameters
    ----------
    package : module
        Its modules are imported; subpackages are left alone.
    kind : type
        The contract.

    Returns
    -------
    dict
        Instances by name, sorted.

    Raises
    ------
    ValueError
        If two classes have the same name.
    """
    names = tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))
    found: dict[str, T] = _discover(package.__name__, names, cast(Any, kind))
    return dict(found)


@functools.cache
def _discover(package: str, names: tuple[str, ...], kind: Any) -> dict[str, Any]:
    """Look into the modules once: a large study asks for a dataset or method thousands of times."""
    found: dict[str, Any] = {}
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        for value in vars(module).values():
            if not _is_plugin(value, kind, module):
                continue
            if value.name in found:
                raise ValueError(f"two plug-ins are called {value.name!r}; the second is {value}: rename one")
            found[value.name] = value()
    return dict(sorted(found.items()))


def _is_plugin(value: object, kind: type, module: ModuleType) -> bool:
    defined_here = isinstance(value, type) and issubclass(value, kind) and value.__module__ == module.__name__
    return defined_here and not inspect.isabstract(value) and hasattr(value, "name")
