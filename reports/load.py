"""One tidy table of runs and one of epochs, from MLflow or from the CSV files that a report leaves behind."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.errors import TrackingError
from benchmarks.records import METRIC_COLUMNS
from benchmarks.tracking import CONFIG_COLUMNS, TAG_COLUMNS, MlflowTracker
from tssl_core.errors import TSSLError

RUNS_FILE, EPOCHS_FILE = "results.csv", "epochs.csv"
COUNTS = ("time_steps", "seed", "epochs")
REQUIRED = {*CONFIG_COLUMNS, "status", "run_key", "accuracy_last", "accuracy_best"}


class ReportError(TSSLError, ValueError):
    """Results that cannot be read or reported on."""


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
    """

    study: str
    runs: pd.DataFrame
    epochs: pd.DataFrame

    @property
    def finished(self) -> pd.DataFrame:
        """The runs that have a result."""
        return self.runs[self.runs["status"] == "finished"]

    def write(self, folder: Path) -> None:
        """Write both tables into `folder`."""
        self.runs.to_csv(folder / RUNS_FILE, index=False, lineterminator="\n")
        self.epochs.to_csv(folder / EPOCHS_FILE, index=False, lineterminator="\n")


def results_from_tracking(uri: str, study: str) -> Results:
    """Read a study from MLflow.

    Raises
    ------
    TrackingError
        If the store or the study is not there.
    """
    run_rows, epoch_rows = MlflowTracker(uri).rows(study)
    if not run_rows:
        raise TrackingError(f"study {study!r} in {uri} has no runs yet; run it first: tssl sweep {study}")
    return _results(study, pd.DataFrame(run_rows), pd.DataFrame(epoch_rows, columns=_epoch_columns(epoch_rows)))


def results_from_csv(folder: Path, study: str) -> Results:
    """Read a study from the files of an earlier report.

    Raises
    ------
    ReportError
        If a file is missing, is no CSV, or lacks columns.
    """
    tables = []
    for name in (RUNS_FILE, EPOCHS_FILE):
        try:
            tables.append(pd.read_csv(folder / name, dtype={"run_key": str}))
        except (OSError, ValueError) as error:
            raise ReportError(f"cannot read {folder / name}: {error}; expected the CSV of a report") from error

    runs, epochs = tables
    missing = REQUIRED - set(runs.columns)
    if missing:
        raise ReportError(f"{folder / RUNS_FILE} lacks the columns {', '.join(sorted(missing))}")
    return _results(study, runs, epochs)


def _epoch_columns(rows: list[dict[str, object]]) -> list[str]:
    return list(rows[0]) if rows else ["run_key", "epoch", "test_accuracy"]


def _results(study: str, runs: pd.DataFrame, epochs: pd.DataFrame) -> Results:
    """Give the columns their order and types, and keep of each configuration the run that counts."""
    known = [*CONFIG_COLUMNS, *TAG_COLUMNS, *METRIC_COLUMNS]
    runs = runs.reindex(columns=known)
    for column in COUNTS:
        runs[column] = pd.to_numeric(runs[column]).astype("Int64")
    for column in METRIC_COLUMNS:
        runs[column] = pd.to_numeric(runs[column]).astype(float)
    # A finished run counts before one without a result, a later one before an earlier one.
    runs["_finished"] = runs["status"] == "finished"
    runs = runs.sort_values("_finished", kind="stable").drop_duplicates("run_key", keep="last")
    runs = (
        runs.drop(columns="_finished").sort_values([*CONFIG_COLUMNS, "run_key"], kind="stable").reset_index(drop=True)
    )
    epochs = epochs[epochs["run_key"].isin(runs["run_key"])].drop_duplicates(["run_key", "epoch"], keep="last")
    epochs = epochs.sort_values(["run_key", "epoch"], kind="stable").reset_index(drop=True)
    return Results(study, runs, epochs)
