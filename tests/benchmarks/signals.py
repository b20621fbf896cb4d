"""Programs that heed Ctrl-C, also where the tests themselves run in the background and so ignore it."""

import sys

RESET = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def heeding_ctrl_c(*arguments: str) -> list[str]:
    """Command that runs this Python with some arguments; a shell's background jobs inherit that SIGINT is ignored."""
    return [sys.executable, "-c", RESET, *arguments]
