"""What reports call datasets and networks, and what they know of them."""

import pandas as pd

from benchmarks.datasets.dataset import available_datasets
from benchmarks.datasets.samples.sequences import RandomTargetParameters
from benchmarks.datasets.sources.source import ALREADY_THERE
from tssl_core.architecture import parse_architecture


def dataset_title(name: str) -> str:
    """Title of a dataset, or its name if it is not known here."""
    known = available_datasets()
    return known[name].title if name in known else name


def network_title(run: pd.Series) -> str:
    """Dataset and network of a run."""
    return f"{dataset_title(run['dataset'])}, {parse_architecture(run['architecture']).plain}"


def is_original(run: pd.Series) -> bool:
    """Whether the data of a run are those that were published, as far as is known; else they are a copy of them."""
    dataset = available_datasets().get(run["dataset"])
    if dataset is None or not dataset.sources or pd.isna(run["data_source"]):
        return True
    return run["data_source"] in {ALREADY_THERE, *(source.title for source in dataset.sources)}


def learns_random_trains(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Of runs with target spike trains, whether these were drawn at random and do not stand for classes."""
    known = available_datasets()
    fixed = [name for name in known if not issubclass(known[name].Parameters, RandomTargetParameters)]
    return runs["accuracy_last"].isna() & ~runs["dataset"].isin(fixed)


def accuracy_title(runs: pd.DataFrame) -> str:
    """What the accuracy of some runs, all judged by the same part of the data, is one of."""
    on_test = (runs["evaluate_on"] == "test").all()
    return "test accuracy" if on_test else "held-out accuracy"
