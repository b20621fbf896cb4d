"""What reports call datasets and networks, and what they know of them."""

import pandas as pd

from baselines.method import available_methods
from baselines.method import method_title as own_title
from benchmarks.datasets.dataset import available_datasets
from benchmarks.datasets.samples.sequences import RandomTargetParameters
from benchmarks.datasets.sources.source import ALREADY_THERE
from tssl_core.architecture import parse_architecture

NOT_AS_PUBLISHED = {"slayer": "SLAYER-like"}
"""Methods whose published setting is a preset: without it they are like them."""


def method_title(name: str) -> str:
    """Title of a method, ``name`` or ``name:preset``, which says if it has not its published setting."""
    base, colon, preset = name.partition(":")
    known = NOT_AS_PUBLISHED.get(base) if not _is_preset(base, preset) else None
    return own_title(name) if known is None else f"{known}{', ' if colon else ''}{preset}"


def _is_preset(base: str, preset: str) -> bool:
    """Whether it is one, and not a setting that tells cells apart (`reports.settings.label_methods_by_setting`)."""
    methods = available_methods()
    return base in methods and preset in methods[base].presets


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
