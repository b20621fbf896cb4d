"""What MLflow holds of a run, as rows of tables."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from benchmarks.records import EPOCH_COLUMNS, METRIC_COLUMNS, TABLE_FILES
from benchmarks.tracking.protocol import CURVE, TAG_COLUMNS, config_row

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run


def run_row(run: "Run") -> dict[str, Any]:
    """One row of results.csv."""
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    row = {key: _value(value) for key, value in config_row(params).items()}
    row |= {key: tags.get(key) for key in TAG_COLUMNS}
    return row | {key: metrics.get(key) for key in METRIC_COLUMNS}


def _value(logged: str | None) -> str | None:
    """MLflow keeps parameters as text; what is not set is nothing, and not the word for it."""
    return None if logged == "None" else logged


def epoch_rows(client: "MlflowClient", run: "Run") -> list[dict[str, Any]]:
    """One row an epoch."""
    epochs: dict[int, dict[str, Any]] = {}
    for name in EPOCH_COLUMNS:
        if name in run.data.metrics:
            for point in in_order(client, run, name):
                epochs.setdefault(point.step, {"epoch": point.step})[name] = point.value
    return [{"run_key": run.data.tags["run_key"], **epochs[step]} for step in sorted(epochs)]


def step_rows(client: "MlflowClient", run: "Run") -> list[dict[str, Any]]:
    """One row a time step: the accuracy after it."""
    if CURVE not in run.data.metrics:
        return []
    accuracies = {point.step: point.value for point in in_order(client, run, CURVE)}
    key = run.data.tags["run_key"]
    return [{"run_key": key, "step": step, "accuracy": accuracies[step]} for step in sorted(accuracies)]


def run_tables(client: "MlflowClient", run: "Run", scratch: Path) -> dict[str, Any]:
    """Content of the files of `RunRecord.tables` in one; runs of before one was written do without it."""
    tables: dict[str, Any] = {}
    if run.data.tags.get("status") == "finished":
        for path in table_files(client, run, scratch):
            tables |= json.loads(path.read_text(encoding="utf-8"))
    return tables


def table_files(client: "MlflowClient", run: "Run", scratch: Path) -> list[Path]:
    """Where the files of `RunRecord.tables` are that a run has; those of a server are fetched into `scratch` first."""
    address = urlsplit(run.info.artifact_uri)
    if address.scheme in ("", "file"):
        # MLflow takes a fifth of a second for what these few lines do in less than a thousandth.
        folder = Path(url2pathname(address.path))
        return [folder / name for name in TABLE_FILES if (folder / name).is_file()]
    there = {file.path for file in client.list_artifacts(run.info.run_id)}
    return [
        Path(client.download_artifacts(run.info.run_id, name, str(scratch))) for name in TABLE_FILES if name in there
    ]


def in_order(client: "MlflowClient", run: "Run", name: str) -> list["Metric"]:
    """All points of a metric by time, so that of a step that was logged twice the later one counts."""
    return sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.timestamp)
