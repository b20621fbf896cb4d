"""``python -m benchmarks``: train without anything that reports need."""

import sys

from benchmarks.cli.main import main

sys.exit(main())
