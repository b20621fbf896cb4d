"""Datasets; one file each, found by `benchmarks.datasets.dataset`."""
