"""Variants of a method beside the method itself."""

import pandas as pd

from baselines.method import available_methods
from benchmarks.tracking import flatten
from reports.cells import CELL, TERMS, percent
from reports.claims import METHOD
from reports.statistics import paired_difference
from reports.tables.cells import NOTHING, SILENT, mean_in_words, without_constant
from reports.tables.differences import NOISE


def ablation_table(finished: pd.DataFrame, method: str = METHOD) -> pd.DataFrame:
    """The presets of a method, what each changes, and what that does on equal terms, T and seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.
    method : str
        Name of the method.

    Returns
    -------
    DataFrame
        A row a variant, the method itself first; none if no cell of the method has a variant beside it.
    """
    family = finished[finished["method"].str.partition(":")[0] == method]
    rows: list[dict[str, object]] = []
    for _, group in family.groupby([*TERMS, "time_steps"], sort=True, dropna=False):
        cells = [runs for _, runs in group.groupby(CELL, sort=True, dropna=False)]
        own = next((runs for runs in cells if runs["method"].iloc[0] == method), None)
        if own is not None and len(cells) > 1:
            rows += [_row(runs, own, method) for runs in cells]
    return without_constant(pd.DataFrame(rows), ("dataset", "T"))


def _row(runs: pd.DataFrame, own: pd.DataFrame, method: str) -> dict[str, object]:
    name = str(runs["method"].iloc[0])
    difference = None if name == method else paired_difference(runs, own, "accuracy_last")
    return {
        "dataset": runs["dataset"].iloc[0],
        "T": runs["time_steps"].iloc[0],
        "variant": name.partition(":")[2] or "(as it is)",
        "changes": _changes(name),
        "n": len(runs),
        "last epoch %": percent(runs["accuracy_last"]),
        "best epoch %": percent(runs["accuracy_best"]),
        "difference, points": NOTHING if difference is None else str(difference.times(100)),
        "difference is": NOTHING if difference is None else difference.in_words(NOISE),
        "silent": mean_in_words(runs["silent_fraction"], SILENT),
    }


def _changes(name: str) -> str:
    base, _, preset = name.partition(":")
    methods = available_methods()
    changes = methods[base].presets.get(preset, {}) if base in methods else {}
    return ", ".join(f"{key} = {value}" for key, value in flatten(changes)) or NOTHING
