"""Tidy tables of runs, and of what each has several rows of, from their records or an earlier report's CSV files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.alignment.columns import ALIGNMENT_COLUMNS
from benchmarks.errors import TrackingError
from benchmarks.study.file import study_files
from benchmarks.tracking import (
    CONFIG_COLUMNS,
    RUN_COLUMNS,
    Record,
    Runs,
    anytime_rows,
    epoch_rows,
    records_in_mlflow,
    run_row,
)
from benchmarks.tracking.rows import METRIC_COLUMNS
from reports.details import DETAILS, column_types, details_of, details_that_count, empty, problem_of_rasters
from reports.manifest import problems_of_tables, write_tables
from tssl_core.errors import TSSLError

RUNS_FILE, EPOCHS_FILE, ANYTIME_FILE = "results.csv", "epochs.csv", "anytime.csv"
ANYTIME_COLUMNS = ["run_key", "step", "accuracy"]
COUNTS = ("time_steps", "seed", "epochs", "train_samples", "test_samples")
IDENTITY = ("dataset", "method", "architecture", "time_steps", "seed", "epochs", "protocol")
REQUIRED = {*IDENTITY, "status", "run_key", "accuracy_last", "accuracy_best"}

LATE = "accuracy_late"
"""Mean test accuracy of the last ten epochs, of a shorter training the last tenth. Made of epochs.csv, not written."""

KERNELS_FILE = "kernels.csv"
ALIGNMENT_FILE = "alignment.csv"
KERNEL_COLUMNS = ["what", "time_steps", "neurons", "milliseconds", "threads", "processor"]
KEY_AS_TEXT: Mapping[str, type] = {"run_key": str, "architecture": str}


class ReportError(TSSLError, ValueError):
    """Results that cannot be read or reported on."""


TABLES = ("epochs", "anytime", *DETAILS)
"""Tables with several rows a run."""


@dataclass(frozen=True)
class Results:
    """What a study has measured.

    Parameters
    ----------
    study : str
        Its name.
    runs : DataFrame
        A row a run, columns as in results.csv; accuracies are fractions.
    epochs : DataFrame
        A row an epoch, tied to its run by ``run_key``.
    anytime : DataFrame
        A row a run and time step: ``run_key``, ``step`` t, and ``accuracy`` by the first t steps of the output.
    layers, histogram, confusion, output_rasters, raster : DataFrame
        See `reports.details.DETAILS`; empty where nothing is known.
    kernels : DataFrame
        See `reports.kernel_times`; of a machine, and not of the study. Empty if it was not measured.
    alignment : DataFrame
        What `benchmarks.alignment` wrote, a row a network, noise, layer, place and setting of the gradient. Empty if it
        was not measured.
    """

    study: str
    runs: pd.DataFrame
    epochs: pd.DataFrame
    anytime: pd.DataFrame
    layers: pd.DataFrame = field(default_factory=partial(empty, "layers"))
    histogram: pd.DataFrame = field(default_factory=partial(empty, "histogram"))
    confusion: pd.DataFrame = field(default_factory=partial(empty, "confusion"))
    output_rasters: pd.DataFrame = field(default_factory=partial(empty, "output_rasters"))
    raster: pd.DataFrame = field(default_factory=partial(empty, "raster"))
    kernels: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=KERNEL_COLUMNS))
    alignment: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=[*ALIGNMENT_COLUMNS]))

    @property
    def finished(self) -> pd.DataFrame:
        """The runs that have a result."""
        return self.runs[self.runs["status"] == "finished"]

    def select(self, wanted: "pd.Series[bool]") -> "Results":
        """Keep some runs, and of all tables what belongs to them.

        Parameters
        ----------
        wanted : Series of bool
            One a row of `runs`.
        """
        keys = self.runs.loc[wanted, "run_key"]
        tables: dict[str, Any] = {name: _of_keys(getattr(self, name), keys) for name in ("runs", *TABLES)}
        return replace(self, **tables)

    def write(self, folder: Path) -> None:
        """Write the tables into `folder`, and a list of them; of details only those that there are."""
        tables = {RUNS_FILE: self.runs.drop(columns=LATE), EPOCHS_FILE: self.epochs, ANYTIME_FILE: self.anytime}
        for name in (*DETAILS, "kernels", "alignment"):
            table, path = getattr(self, name), folder / f"{name}.csv"
            if table.empty:
                path.unlink(missing_ok=True)
            else:
                tables[path.name] = table
        write_tables(folder, tables)


def _of_keys(table: pd.DataFrame, keys: "pd.Series[str]") -> pd.DataFrame:
    return table[table["run_key"].isin(keys)].reset_index(drop=True)


def results_from_runs(root: Path, study: str, *, commit: str = "") -> Results:
    """Read a study from the folder of the records of runs.

    Parameters
    ----------
    root, study : Path, str
        Which.
    commit : str
        Only runs of a state of the code that begins so.

    Raises
    ------
    TrackingError
        If there is no such study; lists those that there are.
    """
    runs = Runs(root)
    if not (records := runs.records(study)):
        known = ", ".join(runs.studies()) or "none"
        first = f". Run it first: tssl sweep {study}" if study in study_files() else ""
        raise TrackingError(f"no study {study!r} in {root}; it has: {known}{first}")
    return results_of(study, records, commit=commit)


def results_from_mlflow(uri: str, study: str) -> Results:
    """Read a study from an MLflow store.

    Raises
    ------
    TrackingError
        If the store or the study is not there, or has no runs.
    """
    if not (records := records_in_mlflow(uri, study)):
        raise TrackingError(f"study {study!r} in {uri} has no runs yet; run it first: tssl sweep {study}")
    return results_of(study, records)


def results_of(study: str, records: Sequence[Record], *, commit: str = "") -> Results:
    """Make tables of records, oldest first; of a configuration that comes several times, the last finished counts."""
    chosen = [record for record in records if str(record.environment["commit"]).startswith(commit)]
    if not chosen:
        there = ", ".join(sorted({str(record.environment["commit"])[:12] for record in records}))
        raise ReportError(f"study {study!r} has no run of commit {commit}; there are runs of {there}")
    epochs = [row for record in chosen for row in epoch_rows(record)]
    steps = [row for record in chosen for row in anytime_rows(record)]
    return results_from_tables(
        study,
        pd.DataFrame([run_row(record) for record in chosen]),
        pd.DataFrame(epochs, columns=_epoch_columns(epochs)),
        pd.DataFrame(steps, columns=ANYTIME_COLUMNS),
        details_of((record.run_key, record.tables) for record in chosen),
    )


def is_report(place: str) -> bool:
    """Whether `place` is a folder with the files of an earlier report, and not a study or a store."""
    return (Path(place) / RUNS_FILE).is_file()


def committed_folders() -> dict[str, Path]:
    """Folders of the reports that come with the suite, by name."""
    return {
        path.parent.name: path.parent for path in sorted((Path(__file__).parent / "rendered").glob(f"*/{RUNS_FILE}"))
    }


def results_from_csv(folder: Path, study: str) -> Results:
    """Read a study from the files of an earlier report.

    Raises
    ------
    ReportError
        If a file is missing, is no CSV, lacks columns, or was cut or changed, see `reports.manifest`. The accuracy
        after each time step and details may be missing, as reports of before they were recorded have none.
    """
    if problems := problems_of_tables(folder):
        raise ReportError(f"{problems[0]}; restore it, or write the report again: tssl report {study}")
    runs = _read_csv(folder / RUNS_FILE, REQUIRED)
    epochs = _read_csv(folder / EPOCHS_FILE, {"run_key", "epoch"})
    path = folder / ANYTIME_FILE
    anytime = _read_csv(path, set(ANYTIME_COLUMNS)) if path.exists() else pd.DataFrame(columns=ANYTIME_COLUMNS)
    details = {}
    for name, detail in DETAILS.items():
        path = folder / f"{name}.csv"
        if path.exists():
            details[name] = _read_csv(path, set(detail.names), column_types(name))
            if problem := problem_of_rasters(name, details[name]):
                raise ReportError(f"{path} {problem}; restore it, or write the report again: tssl report {study}")
    results = results_from_tables(study, runs, epochs, anytime, details)
    if (path := folder / KERNELS_FILE).exists():
        results = replace(results, kernels=_read_csv(path, set(KERNEL_COLUMNS)))
    return with_alignment(results, path) if (path := folder / ALIGNMENT_FILE).exists() else results


def with_alignment(results: Results, path: Path) -> Results:
    """Put beside runs what `benchmarks.alignment` wrote.

    Raises
    ------
    ReportError
        If it is no such file.
    """
    return replace(results, alignment=_read_csv(path, set(ALIGNMENT_COLUMNS), {}))


def _read_csv(path: Path, required: set[str], types: Mapping[str, type] = KEY_AS_TEXT) -> pd.DataFrame:
    try:
        content = path.read_bytes()
        table = pd.read_csv(BytesIO(content), dtype=types)
    except (OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ReportError(f"cannot read {path}: {reason}; expected the CSV of a report") from error
    if not content.endswith(b"\n"):
        raise ReportError(f"{path} ends within a row: it was cut; restore it, or write the report again")
    missing = required - set(table.columns)
    if missing:
        raise ReportError(f"{path} lacks the columns {', '.join(sorted(missing))}")
    return table


def _epoch_columns(rows: list[dict[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row)) or ["run_key", "epoch", "test_accuracy"]


def results_from_tables(
    study: str,
    runs: pd.DataFrame,
    epochs: pd.DataFrame,
    anytime: pd.DataFrame,
    details: Mapping[str, pd.DataFrame] | None = None,
) -> Results:
    """Give the columns of tables their order and types, and keep of each configuration the run that counts.

    Parameters
    ----------
    study, runs, epochs, anytime : str, DataFrame, DataFrame, DataFrame
        As in `Results`; of a configuration that comes several times the last finished run counts, else the last one.
    details : mapping of str to DataFrame, optional
        More tables by name, see `reports.details.DETAILS`.
    """
    runs = runs.reindex(columns=[*RUN_COLUMNS])
    for column in COUNTS:
        runs[column] = pd.to_numeric(runs[column]).astype("Int64")
    for column in METRIC_COLUMNS:
        runs[column] = pd.to_numeric(runs[column]).astype(float)
    # Before it was kept, products on a GPU were as PyTorch has them by default, which was called TF32 from then on.
    by_device = runs["device"].isna().mask(runs["device"] == "cpu", True).map({True: "float32", False: "tf32"})
    runs["precision"] = runs["precision"].astype(object).fillna(by_device)
    runs["evaluate_on"] = runs["evaluate_on"].astype(object).fillna("test")
    # Reports of before it was kept have no key of the whole configuration: what they do have must do.
    like = runs[[name for name in IDENTITY if name != "seed"]].astype(str).agg(" ".join, axis=1)
    runs["cell_key"] = runs["cell_key"].astype(object).fillna(like)
    # A finished run counts before one without a result, a later one before an earlier one.
    runs["_finished"] = runs["status"] == "finished"
    runs = runs.sort_values("_finished", kind="stable").drop_duplicates("run_key", keep="last")
    runs = (
        runs.drop(columns="_finished").sort_values([*CONFIG_COLUMNS, "run_key"], kind="stable").reset_index(drop=True)
    )
    points = _points(epochs, runs, "epoch"), _points(anytime, runs, "step")
    runs[LATE] = runs["run_key"].map(_late_accuracy(points[0])).astype(float)
    return Results(study, runs, *points, **details_that_count(details or {}, runs))


def late_epochs(epochs: int) -> int:
    """How many epochs at the end of a training `LATE` is the mean of."""
    return min(10, max(1, epochs // 10))


def _late_accuracy(epochs: pd.DataFrame) -> "pd.Series[float]":
    """Mean accuracy at the end of each training, by the key of its run; none where accuracies are not known."""
    known = epochs.reindex(columns=["run_key", "test_accuracy"]).dropna()
    of_run = known.groupby("run_key")["test_accuracy"]
    place = of_run.cumcount(ascending=False)
    last = of_run.transform("size").map(late_epochs)
    return known[place < last].groupby("run_key")["test_accuracy"].mean()


def _points(table: pd.DataFrame, runs: pd.DataFrame, position: str) -> pd.DataFrame:
    """Keep the points of the runs that count, the last of each position, in order."""
    table = table[table["run_key"].isin(runs["run_key"])].drop_duplicates(["run_key", position], keep="last")
    return table.sort_values(["run_key", position], kind="stable").reset_index(drop=True)
