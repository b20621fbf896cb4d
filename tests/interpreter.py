"""Triton's interpreter, made to prepare its language once for a kernel and not at each call of a function inside of it.

That is more than half of the time that kernels take in it, and changes nothing of what they compute.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from triton import language
from triton.runtime import interpreter


@cache
def _languages(function: Callable[..., Any]) -> frozenset[str]:
    """Which of the modules that the interpreter prepares a function refers to."""
    modules = filter(inspect.ismodule, function.__globals__.values())
    return frozenset(module.__name__ for module in modules if module in (language, language.core))


def prepare_once() -> None:
    """Have the interpreter leave alone what it has prepared for the kernel that is running."""
    prepare, scope = interpreter._patch_lang, interpreter._LangPatchScope
    restore = scope.restore
    prepared: set[frozenset[str]] = set()

    def prepare_if_new(function: Callable[..., Any]) -> Any:
        languages = _languages(function)
        if languages in prepared:
            return scope()
        prepared.add(languages)
        return prepare(function)

    def restore_and_forget(self: Any) -> None:
        prepared.clear()
        restore(self)

    interpreter._patch_lang, scope.restore = prepare_if_new, restore_and_forget
