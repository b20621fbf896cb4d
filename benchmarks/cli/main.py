"""The command line itself: reads what was typed, has a command carried out, and turns errors into lines and codes.

Nothing here imports torch, so that help and mistyped options are answered at once; the function that carries a command
out is imported when it is known which one that is.
"""

import argparse
import os
import pkgutil
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from baselines.plugins import plugged_in
from benchmarks.cli.options import read_options
from benchmarks.cli.parser import add_commands
from benchmarks.platform.interruption import EXIT_TERMINATED, Terminated, termination_raises
from tssl_core.errors import TSSLError

EXIT_OK, EXIT_RUN_FAILED, EXIT_USER_ERROR = 0, 1, 2
EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141

DISTRIBUTION = "tssl-bp-suite"


def main(arguments: Sequence[str] | None = None, *, add: Sequence[Callable[[Any], None]] = (add_commands,)) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The process's own by default.
    add : sequence of callable
        Each adds commands to the subparsers that it gets, and sets the defaults ``command``, ``"module:function"`` of
        a function of options that returns an exit code, and ``options``, their dataclass.
    """
    parsed = make_parser(add).parse_args(arguments)
    try:
        with termination_raises():
            options = read_options(parsed.options, parsed)
            with plugged_in(getattr(options, "plugins", ())):
                code: int = pkgutil.resolve_name(parsed.command)(options)
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


class Parser(argparse.ArgumentParser):
    """A parser that says in two lines what was wrong and where help is."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse what a command does not know with the name of the command, and not with that of the whole."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, []

    def error(self, message: str) -> NoReturn:
        """End the process."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: error: {message}\nwhat there is: {self.prog} --help\n")


class ShowVersion(argparse.Action):
    """Print the version when it is asked for; looking it up takes as long as all the rest of the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """End the process."""
        from importlib import metadata

        try:
            version = metadata.version(DISTRIBUTION)
        except metadata.PackageNotFoundError:
            version = "(a checkout that is not installed)"
        parser.exit(message=f"{DISTRIBUTION} {version}\n")


def make_parser(add: Sequence[Callable[[Any], None]]) -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="tssl", description="Reproduce TSSL-BP and compare it with other methods.")
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for add_to in add:
        add_to(subparsers)
    return parser


def command_to_go_on(arguments: Sequence[str] | None) -> str:
    """The command that was typed, except that it does not start afresh."""
    typed = sys.orig_argv if arguments is None else ["tssl", *arguments]
    return shlex.join(part for part in typed if part != "--fresh")
