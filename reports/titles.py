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
