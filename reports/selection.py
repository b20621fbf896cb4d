"""What a report is made of: more records and earlier reports, and a choice among the runs."""

from pathlib import Path

from reports.load import (
    RUNS_FILE,
    ReportError,
    Results,
    is_report,
    results_from_csv,
    results_from_mlflow,
    results_from_runs,
)


def results_at(place: str, study: str) -> Results:
    """Read a study from wherever it is, or whatever is in the folder of an earlier report, that of another study too.

    Parameters
    ----------
    place : str
        Folder of records or of a report, or MLflow tracking URI.
    study : str
        Its name.

    Raises
    ------
    ReportError, TrackingError
        If there is nothing to read.
    """
    if is_report(place):
        return results_from_csv(Path(place), study)
    if Path(place).is_dir():
        return results_from_runs(Path(place), study)
    if ":" not in place:
        raise ReportError(
            f"there is no {RUNS_FILE} in {place}; expected the folder of a report or of records, or a tracking URI"
        )
    return results_from_mlflow(place, study)


def filter_runs(results: Results, condition: str) -> Results:
    """Keep the runs that have one of some values in a column.

    Parameters
    ----------
    results : Results
        The whole.
    condition : str
        ``"column=value,value"``, with a column of results.csv; a method without a preset stands for all of its presets.
    """
    column, equals, text = condition.partition("=")
    if not equals or column not in results.runs:
        known = ", ".join(results.runs.columns)
        raise ReportError(f"cannot choose runs by {condition!r}; expected COLUMN=VALUE,VALUE with one of {known}")
    wanted = text.split(",")
    values = results.runs[column].astype(str)
    found = values.isin(wanted)
    if column == "method":
        found |= values.str.partition(":")[0].isin(wanted)
    if not found.any():
        raise ReportError(f"no run has {condition}; there are {', '.join(sorted(set(values)))}")
    return results.select(found)
