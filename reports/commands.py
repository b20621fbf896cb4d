"""The commands behind a report, in as few as make the same runs again."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterable

CHOICE = re.compile(r"""'grid\.method=(\[[^]']*\])'""")
"""Value of an override that chooses methods, as `shlex.join` writes it."""


def merge_commands(commands: Iterable[str]) -> list[str]:
    """Make one command of those that differ in nothing but the methods that they choose.

    Parameters
    ----------
    commands : iterable of str
        As they were logged.

    Returns
    -------
    list of str
        In the order in which they first come; one that chooses methods chooses those of all that it stands for.
    """
    methods_of: dict[tuple[str, ...], dict[str, None]] = {}
    for command in commands:
        before, *choice = CHOICE.split(command)
        if len(choice) == 2:  # one override, and what follows it
            methods = methods_of.setdefault((before, choice[1]), {})
            methods |= dict.fromkeys(tomllib.loads(f"chosen = {choice[0]}")["chosen"])
        else:
            methods_of[command,] = {}
    return [_choice(methods).join(parts) for parts, methods in methods_of.items()]


def _choice(methods: Iterable[str]) -> str:
    return shlex.quote(f"grid.method={json.dumps([*methods], separators=(',', ':'))}")
