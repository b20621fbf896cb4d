"""What a command takes where nothing else is said, and the words that it knows; light, as the command line reads it."""

from typing import Literal, TypeAlias

PROFILES = ("smoke", "quick", "paper")

DEFAULT_RUNS = "runs"
"""Folder of the runs: of their records, and of what unfinished ones go on from."""

DEFAULT_STUDY = "runs"
"""Of single runs."""

DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"

OFF = "off"
"""For no checkpoints, or no MLflow."""

DATA_ROOT_VARIABLE = "TSSL_DATA_ROOT"
"""Names the folder of the datasets."""

DEFAULT_RESULTS = "results"
"""Folder of the reports and of what is found by tuning, a folder each."""

DEFAULT_DT = 1e-4
"""Seconds a time step in a NIR file: what snnTorch takes, and what SpikingJelly takes if it is told nothing."""

Precision: TypeAlias = Literal["float32", "tf32", "bfloat16", "float16"]
"""Type of products on a GPU, see `benchmarks.platform.precision`."""
