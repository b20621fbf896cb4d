"""The authors' configurations by date: single changes to them, and where the authors would have stopped."""

from collections.abc import Iterator

import pandas as pd

from benchmarks.study.published import Version
from reports.cells import TERMS, percent
from reports.dated import version_of
from reports.early_stopping import stopping_epoch
from reports.load import LATE
from reports.published import METHOD
from reports.settings import cells_in_order, changed_settings, distinguishing_settings
from reports.statistics import paired_difference
from reports.tables.cells import NOTHING, SILENT, cells_of, mean_in_words, share, without_constant, without_empty
from reports.tables.differences import METRICS, Found, Row, called_together
from reports.titles import method_title

PATIENCE = "early_stopping"


def factor_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Runs beside the dated configuration that they change, on equal terms, T and seeds.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.

    Returns
    -------
    DataFrame
        A row a cell, the configuration itself first; none if no cell changes a configuration of 2020. Changes of the
        last version are in `ablation_table`.
    """
    of_2020 = finished[finished["method"].str.startswith(f"{METHOD}:")]
    rows: list[dict[str, object]] = []
    for _, group in of_2020.groupby([*TERMS, "method", "time_steps"], sort=True, dropna=False):
        cells = cells_in_order(group, distinguishing_settings(group))
        own = [cell for cell in cells if version_of(cell)]
        if own and len(cells) > 1:
            changed = [cell for cell in cells if cell is not own[0]]
            rows += called_together([_factor_row(cell, own[0]) for cell in (own[0], *changed)])
    return without_empty(without_constant(pd.DataFrame(rows), ("dataset", "configuration")))


def _factor_row(runs: pd.DataFrame, configuration: pd.DataFrame) -> tuple[Row, Found]:
    same = runs is configuration
    pairs = {title: None if same else paired_difference(runs, configuration, key) for title, key in METRICS.items()}
    row = {
        "dataset": runs["dataset"].iloc[0],
        "configuration": method_title(runs["method"].iloc[0]),
        "changes": (None if same else changed_settings(runs, configuration)) or "(as published)",
        "n": len(runs),
        "last ten %": share(runs[LATE]),
        "best epoch %": percent(runs["accuracy_best"]),
        **{f"{title}, points": NOTHING if pair is None else str(pair.times(100)) for title, pair in pairs.items()},
        "silent": mean_in_words(runs["silent_fraction"], SILENT),
    }
    late = pairs["last ten epochs"]
    return row, None if late is None else late.times(100)


def early_stopping_table(finished: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """After which epoch the authors' code would have stopped, and the best epoch until then.

    Parameters
    ----------
    finished, epochs : DataFrame
        Finished runs, and a row an epoch, see `reports.load.Results`.

    Returns
    -------
    DataFrame
        A row a cell; none if no run has a configuration with early stopping and is longer than its patience.
    """
    return without_constant(pd.DataFrame(_early_stopping_rows(finished, epochs)), ("dataset", "patience"))


def _early_stopping_rows(finished: pd.DataFrame, epochs: pd.DataFrame) -> Iterator[dict[str, object]]:
    for about, runs in cells_of(finished):
        patience = _patience(version_of(runs))
        if not patience or runs["epochs"].iloc[0] <= patience:
            continue
        runs = runs.sort_values("seed")
        curves = [epochs[epochs["run_key"] == key].sort_values("epoch")["test_accuracy"] for key in runs["run_key"]]
        stops = [stopping_epoch(curve.tolist(), patience) for curve in curves]
        until_then = [curve.iloc[:stop].max() for curve, stop in zip(curves, stops, strict=True)]
        yield {
            **{name: about[name] for name in ("dataset", "network", "method", "epochs", "n")},
            "patience": patience,
            "would have stopped after epoch": ", ".join("-" if stop is None else str(stop) for stop in stops),
            "best epoch until then %": percent(pd.Series(until_then)),
            "best epoch %": percent(runs["accuracy_best"]),
        }


def _patience(version: Version | None) -> int:
    return 0 if version is None else int(version.settings[PATIENCE].value)
