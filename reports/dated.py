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
    """Return the version of the authors' code whose configuration runs have in all but the length of the training.

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
    return version if version is not None and settings_of(cell) == settings else None


@cache
def _configurations() -> Mapping[Key, tuple[Version, Mapping[str, str]]]:
    found: dict[Key, tuple[Version, Mapping[str, str]]] = {}
    for run in published_runs({}):
        version = published().versions[run.pop("labels")["version"]]
        row = config_row(validate_run(run).model_dump(mode="json"))
        found[row["dataset"], row["architecture"], row["method"]] = version, settings_in(row[CONFIG])
    return found
