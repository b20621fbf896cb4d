"""``python -m benchmarks``: train without anything that reports need."""

import sys

from benchmarks.cli import main

sys.exit(main())
