"""Variants of a method beside the method itself."""

from collections.abc import Mapping

import pandas as pd

from baselines.method import available_methods
from benchmarks.config.nested import flatten
from reports.cells import TERMS, percent, precision_of
from reports.load import LATE
from reports.published import METHOD
from reports.settings import cells_in_order, changed_settings, counterpart, distinguishing_settings, select_main_setting
from reports.statistics import paired_difference
from reports.tables.cells import NOTHING, SILENT, mean_in_words, share, without_constant, without_empty
from reports.tables.differences import METRICS, Found, Row, called_together


def ablation_table(finished: pd.DataFrame) -> pd.DataFrame:
    """The presets of `METHOD`, what each changes, and what that does on equal terms, T and seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.

    Returns
    -------
    DataFrame
        A row a variant, the method itself first; none if no cell of the method has a variant or another precision
        beside it. Other settings of the method itself are set beside its main one, see `select_main_setting`, variants
        as in `counterpart`.
    """
    family = finished[finished["method"].str.partition(":")[0] == METHOD]
    rows: list[dict[str, object]] = []
    settings = distinguishing_settings(family)
    for _, group in family.groupby([*TERMS, "time_steps"], sort=True, dropna=False):
        cells = cells_in_order(group, settings)
        own = [runs for runs in cells if runs["method"].iloc[0] == METHOD]
        several = len(own) > 1 and pd.concat(own)["precision"].nunique() > 1
        if own and (several or len(own) < len(cells)):
            main = select_main_setting(pd.concat(own))
            rows += called_together(
                _row(runs, main if runs["method"].iloc[0] == METHOD else counterpart(runs, own, settings), settings)
                for runs in cells
            )
    return without_empty(without_constant(pd.DataFrame(rows), ("dataset", "T", "precision")))


def _row(runs: pd.DataFrame, beside: pd.DataFrame, settings: Mapping[str, str]) -> tuple[Row, Found]:
    name = str(runs["method"].iloc[0])
    same = runs.index.equals(beside.index)
    pairs = {title: None if same else paired_difference(runs, beside, key) for title, key in METRICS.items()}
    changed = changed_settings(runs, beside)
    row = {
        "dataset": runs["dataset"].iloc[0],
        "T": runs["time_steps"].iloc[0],
        "variant": name.partition(":")[2] or "(as it is)",
        "changes": (_of_preset(name) if changed is None else changed) or NOTHING,
        "settings": settings.get(runs["cell_key"].iloc[0], NOTHING),
        "precision": precision_of(runs, beside),
        "n": len(runs),
        "last ten %": share(runs[LATE]),
        "best epoch %": percent(runs["accuracy_best"]),
        **{f"{title}, points": NOTHING if pair is None else str(pair.times(100)) for title, pair in pairs.items()},
        "silent": mean_in_words(runs["silent_fraction"], SILENT),
    }
    late = pairs["last ten epochs"]
    return row, None if late is None else late.times(100)


def _of_preset(name: str) -> str:
    """What a preset changes by itself, for runs of which no settings were kept."""
    base, _, preset = name.partition(":")
    methods = available_methods()
    changed = methods[base].presets.get(preset, {}) if base in methods else {}
    return ", ".join(f"{key} = {value}" for key, value in flatten(changed))
