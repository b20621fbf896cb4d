"""The harness: datasets, configurations, training, metrics, sweeps and tracking."""
