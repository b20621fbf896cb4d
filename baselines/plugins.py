"""Plug-ins from elsewhere: files that somebody names, and installed packages that offer some.

Their modules are looked through for methods and datasets like the suite's own packages. Files are named in an
environment variable, which processes that are started inherit: workers find what the command has found.
"""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from tssl_core.errors import TSSLError

FILES_VARIABLE = "TSSL_PLUGINS"
"""Paths of Python files, between colons (semicolons on Windows)."""

MODULES_GROUP = "tssl_bp_suite.plugins"
"""Entry points of installed packages: each is a module with methods or datasets."""

STUDIES_GROUP = "tssl_bp_suite.studies"
"""Entry points of installed packages: each is the name of a study, and the module beside which ``<name>.toml`` lies."""


class PluginError(TSSLError, ImportError):
    """A plug-in that cannot be found or imported."""


@contextmanager
def plugged_in(files: Sequence[Path]) -> Iterator[None]:
    """Name some files for as long as the block lasts, beside those that are named already.

    Raises
    ------
    PluginError
        If one is not there.
    """
    for file in files:
        if not file.is_file():
            raise PluginError(f"there is no plug-in {file}; expected the path of a Python file")
    before = os.environ.get(FILES_VARIABLE)
    named = dict.fromkeys([*plugin_files(), *(file.resolve() for file in files)])
    os.environ[FILES_VARIABLE] = os.pathsep.join(map(str, named))
    try:
        yield
    finally:
        del os.environ[FILES_VARIABLE]
        if before is not None:
            os.environ[FILES_VARIABLE] = before


def plugin_files() -> tuple[Path, ...]:
    """Files that are named."""
    return tuple(Path(name) for name in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if name)


def plugin_modules() -> list[ModuleType]:
    """Import all plug-ins from elsewhere, each once.

    Raises
    ------
    PluginError
        If one cannot be imported; says why and where.
    """
    return [*map(module_of_file, plugin_files()), *map(_module_of_entry, metadata.entry_points(group=MODULES_GROUP))]


def offered_studies() -> dict[str, Path]:
    """Files of the studies that installed packages offer, by name."""
    found = {}
    for entry in metadata.entry_points(group=STUDIES_GROUP):
        spec = importlib.util.find_spec(entry.module)
        if spec is None or spec.origin is None:
            raise PluginError(f"cannot find {entry.module}, beside which the study {entry.name!r} should be")
        found[entry.name] = Path(spec.origin).with_name(f"{entry.name}.toml")
    return found


@cache
def module_of_file(path: Path) -> ModuleType:
    """Import a file, once.

    Raises
    ------
    PluginError
        If it cannot be imported; says why and where.
    """
    # Not by the name of the file alone: that of a library, or one in another folder, would take its place.
    name = f"tssl_plugin_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"cannot import the plug-in {path}; expected a file NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if (folder := str(path.parent)) not in sys.path:
        sys.path.append(folder)  # last, so that its neighbours are found and take nobody's place
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(f"cannot import the plug-in {path}: {_where(error, path)}") from error
    return module


@cache
def _module_of_entry(entry: metadata.EntryPoint) -> ModuleType:
    try:
        return importlib.import_module(entry.module)
    except Exception as error:
        raise PluginError(f"cannot import {entry.module}, the plug-in {entry.name!r}: {error!r}") from error


def _where(error: Exception, path: Path) -> str:
    """Error and the last line of the file that it came through."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == str(path) else line
        trace = trace.tb_next
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"{text} (line {line})" if line else text
