"""``python -m benchmarks``: train without anything that reports need."""

import sys

from benchmarks.cli.main import main
from benchmarks.cli.parser import add_commands
from benchmarks.cli.tune_options import add_tune

sys.exit(main(add=(add_commands, add_tune)))
