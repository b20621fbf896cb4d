"""What reports call things."""

import pandas as pd

from benchmarks.datasets.dataset import available_datasets
from tssl_core.architecture import parse_architecture


def dataset_title(name: str) -> str:
    """Title of a dataset, or its name if it is not known here."""
    known = available_datasets()
    return known[name].title if name in known else name


def place(run: pd.Series) -> str:
    """Dataset and network of a run."""
    return f"{dataset_title(run['dataset'])}, {parse_architecture(run['architecture']).plain}"


def accuracy_title(runs: pd.DataFrame) -> str:
    """What the accuracy of some runs, all judged by the same part of the data, is one of."""
    on_test = (runs["evaluate_on"] == "test").all()
    return "test accuracy" if on_test else "held-out accuracy"
