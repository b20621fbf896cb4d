"""A method beside runs that are there already: their protocol, and a row with an interval for each method."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from baselines.method import is_spiking
from benchmarks.columns import in_columns
from benchmarks.config.run import later_defaults
from reports.cells import percent
from reports.load import ReportError, Results, committed_folders, is_report, late_epochs, results_from_csv
from reports.statistics import LEVEL, difference, mean_difference
from reports.tables.cells import NOTHING
from reports.titles import method_title

OF_A_METHOD = ("method", "parameters", "optimizer", "seed")
"""Settings that may differ between the runs of one protocol."""

SETTING = ["dataset", "architecture", "time_steps"]
"""What runs have in common that are ranked together; methods without spikes stand beside any T."""

MEASURES = {"test_accuracy": "accuracy", "test_exact_match": "samples with every output train as it should be"}
"""Columns of epochs that runs can be ranked by, the first that both sides have."""

VALUE = "value"
"""Column with what runs are ranked by."""

CONSTANT = "constant"

MARK = "->"


def committed(name_or_folder: str) -> Results:
    """Read the report of a study: one that comes with the suite, or a folder.

    Raises
    ------
    ReportError
        If there is none; lists those that there are.
    """
    if is_report(name_or_folder):
        return results_from_csv(Path(name_or_folder), Path(name_or_folder).name)
    folders = committed_folders()
    if name_or_folder not in folders:
        raise ReportError(
            f"no committed report {name_or_folder!r}; expected the folder of a report, or one of {', '.join(folders)}"
        )
    return results_from_csv(folders[name_or_folder], name_or_folder)


def protocol_of(results: Results, *, spiking: bool) -> list[dict[str, Any]]:
    """Return the settings that a report's methods have in common, as nested tables without a method.

    Parameters
    ----------
    results : Results
        Of the report.
    spiking : bool
        Whether the method that is to be trained spikes; if not, T does not matter.

    Returns
    -------
    list of dict
        For each network and T the configurations for the seeds that at least half of the report's methods have, at
        their T. Of optimisers the one counts that most runs have, as studies may give a method its own.
    """
    finished = results.finished
    chosen = finished[finished["method"].map(is_spiking)] if spiking else finished
    groups: dict[str, list[dict[str, Any]]] = {}
    for text in chosen["config"].dropna():
        config = {**later_defaults(), **json.loads(text)}
        shared = {key: value for key, value in config.items() if key not in OF_A_METHOD}
        if not spiking:
            shared["time_steps"] = 1
        groups.setdefault(json.dumps(shared, sort_keys=True), []).append(config)
    if not groups:
        raise ReportError(f"report {results.study} has no finished run with its configuration; nothing to compare with")
    cells_with = finished.groupby("seed")["cell_key"].nunique()
    seeds = sorted(int(seed) for seed in cells_with.index[2 * cells_with >= finished["cell_key"].nunique()])
    runs = []
    for terms, configs in groups.items():
        counted = Counter(json.dumps(config["optimizer"], sort_keys=True) for config in configs)
        optimizer = json.loads(counted.most_common(1)[0][0])
        runs += [{**json.loads(terms), "optimizer": optimizer, "seed": seed} for seed in seeds]
    return runs


def measure_of(*sides: Results) -> str:
    """Return the column of epochs that all of some results can be ranked by, of `MEASURES`.

    Raises
    ------
    ReportError
        If there is none.
    """
    for column in MEASURES:
        if all(column in side.epochs and side.epochs[column].notna().any() for side in sides):
            return column
    raise ReportError(f"the runs have none of {', '.join(MEASURES.values())} in common; nothing to rank them by")


def values_after(results: Results, epochs: int, column: str) -> pd.DataFrame:
    """Finished runs that have so many epochs, each with its `VALUE` after them.

    Parameters
    ----------
    results : Results
        Of a study.
    epochs : int
        Later ones are left out: a run of 100 epochs is then what one of `epochs` would be.
    column : str
        Of `MEASURES`. Runs without it are left out.
    """
    window = late_epochs(epochs)
    table = results.epochs[results.epochs["epoch"] <= epochs]
    counted = table.groupby("run_key")["epoch"].max()
    last = table[table["epoch"] > epochs - window].groupby("run_key")[column].mean()
    runs = results.finished
    whole = runs["epochs"] == epochs
    long_enough = runs[(runs["run_key"].map(counted) == epochs) & (whole | runs["config"].map(_can_be_cut))]
    return long_enough.assign(**{VALUE: long_enough["run_key"].map(last)}).dropna(subset=[VALUE])


def _can_be_cut(config: object) -> bool:
    """Whether the first epochs of a run are those of a shorter one: not if the learning rate knows the last."""
    return not isinstance(config, str) or json.loads(config).get("schedule", CONSTANT) == CONSTANT


def ranking(mine: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Rank one method among others on the same network, data and T.

    Parameters
    ----------
    mine, theirs : DataFrame
        Runs with their `VALUE`, see `values_after`; `mine` of one method and setting.

    Returns
    -------
    DataFrame
        A row a method, the best first; the one that was tried is marked.
    """
    setting = mine.iloc[0][SETTING]
    same = theirs[(theirs[SETTING[:2]] == setting[SETTING[:2]]).all(axis=1)]
    same = same[(same["time_steps"] == setting["time_steps"]) | ~same["method"].map(is_spiking)]
    rows = [_row(mine, None)]
    rows += [_row(runs, mine) for _, runs in same.groupby(["method", "cell_key"], sort=False)]
    table = pd.DataFrame(rows).sort_values("mean", ascending=False, kind="stable").drop(columns="mean")
    table.insert(0, "rank", range(1, len(table) + 1))
    return table.reset_index(drop=True)


def _row(runs: pd.DataFrame, mine: pd.DataFrame | None) -> dict[str, Any]:
    name = str(runs.iloc[0]["method"])
    interval = mean_difference(runs[VALUE].tolist()).times(100)
    less = None if mine is None else difference(mine, runs, VALUE)
    return {
        "": MARK if mine is None else "",
        "method": method_title(name),
        "seeds": len(runs),
        "mean ± sd %": percent(runs[VALUE]),
        f"{LEVEL:.0%} interval": f"{interval.low:.2f} to {interval.high:.2f}" if interval.decided else NOTHING,
        "mine minus theirs": NOTHING if less is None else str(less.times(100)),
        "mean": interval.mean,
    }


def heading(mine: pd.DataFrame, table: pd.DataFrame, epochs: int, column: str) -> str:
    """Say in a line what a ranking is of, and where the method stands."""
    first = mine.iloc[0]
    place = int(table.loc[table[""] == MARK, "rank"].iloc[0])
    steps = f", T = {first['time_steps']}" if is_spiking(str(first["method"])) else ""
    window = late_epochs(epochs)
    when = f"mean of epochs {epochs - window + 1} to {epochs}" if window > 1 else f"after epoch {epochs}"
    where = f"{first['dataset']} {first['architecture']}{steps}"
    return f"{where}: rank {place} of {len(table)}, {method_title(str(first['method']))} ({MEASURES[column]}, {when})"


def in_words(table: pd.DataFrame) -> str:
    """Lay a ranking out for a terminal."""
    return in_columns([table.columns, *(map(str, row) for row in table.itertuples(index=False))])
