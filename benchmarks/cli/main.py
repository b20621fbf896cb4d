"""The command line itself: reads what was typed, has a command carried out, and turns errors into lines and codes."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.cli.commands import EXIT_USER_ERROR, add_commands
from benchmarks.cli.options import read_options
from benchmarks.platform.interruption import EXIT_TERMINATED, Terminated, termination_raises
from tssl_core.errors import TSSLError

EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141


def main(arguments: Sequence[str] | None = None, *, add: Sequence[Callable[[Any], None]] = (add_commands,)) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The process's own by default.
    add : sequence of callable
        Each adds commands to the subparsers that it gets, and sets the defaults ``command``, a function of options
        that returns an exit code, and ``options``, their dataclass.
    """
    parser = argparse.ArgumentParser(prog="tssl", description="Reproduce TSSL-BP and compare it with other methods.")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for add_to in add:
        add_to(subparsers)
    parsed = parser.parse_args(arguments)
    try:
        with termination_raises():
            code: int = parsed.command(read_options(parsed.options, parsed))
            sys.stdout.flush()
            return code
    except TSSLError as error:
        print(f"tssl: error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except (KeyboardInterrupt, Terminated) as stop:
        print(f"tssl: stopped; go on with: {command_to_go_on(arguments)}", file=sys.stderr)
        return EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who read the output has had enough, such as `head`; what Python still holds of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def command_to_go_on(arguments: Sequence[str] | None) -> str:
    """The command that was typed, except that it does not start afresh."""
    typed = sys.orig_argv if arguments is None else ["tssl", *arguments]
    return shlex.join(part for part in typed if part != "--fresh")
