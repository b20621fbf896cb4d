"""Timings of parts of the suite, for pytest-benchmark."""
