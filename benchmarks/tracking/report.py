"""The report of a study in MLflow: its files in a run of their own, its beginning as the experiment's description."""

from pathlib import Path

from benchmarks.tracking.cells import KIND, KIND_REPORT, NOTE
from benchmarks.tracking.upload import Uploader

NOTE_LENGTH = 5000
"""MLflow takes tags of so many characters on every store."""


def log_report(uploader: Uploader, study: str, folder: Path) -> None:
    """Send all files of a report; those of an earlier one are overwritten."""
    client, experiment = uploader.client, uploader.experiment(study)
    found = uploader.search(experiment, f"tags.{KIND} = '{KIND_REPORT}'")
    tags = {KIND: KIND_REPORT, "study": study}
    run = found[0] if found else client.create_run(experiment, run_name=f"report of {study}", tags=tags)
    client.log_artifacts(run.info.run_id, str(folder))
    note = opening_of_report(folder)
    client.set_tag(run.info.run_id, NOTE, note)
    client.set_experiment_tag(experiment, NOTE, note)
    client.set_terminated(run.info.run_id)


def opening_of_report(folder: Path) -> str:
    """Headline, summary and comparison: what stands before the first figure."""
    reports = sorted(folder.glob("*.md"))
    text = reports[0].read_text(encoding="utf-8") if reports else ""
    lines = text.partition("![")[0].splitlines()
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "\n".join(lines)[:NOTE_LENGTH]
