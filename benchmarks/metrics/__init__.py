"""What is measured of a run; one metric or close family a file, found by `benchmarks.metrics.metric`."""
