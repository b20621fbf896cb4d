"""Runs that are one of the authors' configurations by date, told by their settings."""

from collections.abc import Mapping
from functools import cache

import pandas as pd

from benchmarks.config.run import validate_run
from benchmarks.study.published import Version, published, published_runs
from benchmarks.tracking import CONFIG, config_row
from reports.settings import settings_in, settings_of

Key = tuple[str, str, str]
"""Dataset, architecture and method."""


def version_of(cell: pd.DataFrame) -> Version | None:
    """Return the version whose configuration runs have in all but the length of the training and the type of products.

    Parameters
    ----------
    cell : DataFrame
        Runs of one cell.

    Returns
    -------
    Version or None
        None if anything else is set, or the settings are not known.
    """
    first = cell.iloc[0]
    version, settings = _configurations().get((first["dataset"], first["architecture"], first["method"]), (None, None))
    own = settings_of(cell)
    return version if own is not None and _but_precision(own) == settings else None


@cache
def _configurations() -> Mapping[Key, tuple[Version, Mapping[str, str]]]:
    found: dict[Key, tuple[Version, Mapping[str, str]]] = {}
    for run in published_runs({}):
        version = published().versions[run.pop("labels")["version"]]
        row = config_row(validate_run(run).model_dump(mode="json"))
        found[row["dataset"], row["architecture"], row["method"]] = version, _but_precision(settings_in(row[CONFIG]))
    return found


def _but_precision(settings: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in settings.items() if name != "precision"}
