"""``python -m benchmarks``: train without anything that reports need."""

import sys

from benchmarks.cli import commands, tune
from benchmarks.cli.main import main

sys.exit(main(add=(commands.add_commands, tune.add_commands)))
