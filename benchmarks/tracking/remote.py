"""Records from an MLflow store alone, where each is an artifact of its run."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from benchmarks.errors import TrackingError
from benchmarks.tracking.connection import Connection, errors_explained
from benchmarks.tracking.record import Record
from benchmarks.tracking.runs import RECORD_FILE
from benchmarks.tracking.upload import RECORD_ID, Uploader

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def records_in_mlflow(uri: str, study: str) -> list[Record]:
    """Return the records of a study, oldest run first; a run that was begun anew has several.

    Raises
    ------
    TrackingError
        If the store cannot be used or has no such study; lists those that there are.
    """
    connection = Connection(uri)
    with errors_explained(uri), TemporaryDirectory() as scratch:
        client = connection.client()
        uploader = Uploader(client)
        experiment = uploader.find_experiment(study)
        if experiment is None:
            known = ", ".join(sorted(found.name for found in client.search_experiments())) or "none"
            raise TrackingError(f"no study {study!r} in {uri}; it has: {known}")
        runs = [run for run in uploader.search(experiment) if RECORD_ID in run.data.tags]
        return [Record.of(json.loads(_file(client, run, scratch).read_text(encoding="utf-8"))) for run in runs]


def _file(client: "MlflowClient", run: "Run", scratch: str) -> Path:
    """Where the record of a run is; that of a server is fetched first."""
    address = urlsplit(run.info.artifact_uri)
    if address.scheme in ("", "file"):
        # MLflow takes a fifth of a second for what this does in less than a thousandth.
        return Path(url2pathname(address.path)) / RECORD_FILE
    folder = Path(scratch) / run.info.run_id
    folder.mkdir()
    return Path(client.download_artifacts(run.info.run_id, RECORD_FILE, str(folder)))
