"""The run that stands for a cell of a study, with the runs of its seeds nested under it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from baselines.method import get_method, method_title
from benchmarks.config.nested import flatten
from benchmarks.config.run import RunConfig
from benchmarks.datasets.dataset import get_dataset
from benchmarks.tracking.record import Record

if TYPE_CHECKING:
    from mlflow.entities import Run

KIND, KIND_CELL, KIND_RUN, KIND_METHOD, KIND_REPORT = "kind", "cell", "run", "method", "report"
"""Tag that tells MLflow runs apart: a cell, the training run of a seed, a method over T, and the report."""

NOTE = "mlflow.note.content"
"""Tag that MLflow's UI shows as the description of a run."""

SUMMARISED = (
    "accuracy_last",
    "accuracy_best",
    "accuracy_chosen",
    "exact_match",
    "van_rossum",
    "silent_fraction",
    "firing_rate",
    "latency_ms",
    "training_seconds",
)
"""Metrics whose mean and standard deviation over seeds a cell carries."""


@dataclass(frozen=True, kw_only=True)
class CellRun:
    """The MLflow run that stands for a cell of a study: all of a configuration but its seed."""

    key: str
    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]

    def name_with_result(self, metrics: Mapping[str, float]) -> str:
        """Name of a cell with its mean accuracy, if it has one; short, as MLflow's table cuts it off."""
        if "accuracy_last_mean" not in metrics:
            return self.name
        return f"{metrics['accuracy_last_mean']:.1%} {self.name}"


def cell_of_run(record: Record, config: RunConfig) -> CellRun:
    """Describe the cell that a run belongs to."""
    params = {key: str(value) for key, value in flatten(record.config) if key != "seed"}
    tags = {KIND: KIND_CELL, "cell_key": record.cell_key, "study": record.study, "status": "running", **titles(config)}
    # What MLflow's own column of sources shows.
    tags |= {"mlflow.source.name": str(record.environment["command"]), "mlflow.source.type": "LOCAL"}
    return CellRun(
        key=record.cell_key,
        name=f"{steps_of(config)} {config.method}".strip(),
        params=params,
        tags={**tags, NOTE: describe(config)},
    )


def run_name(config: RunConfig, accuracy: float | None = None) -> str:
    """Name of a run under its cell, with the accuracy once there is one: MLflow's table shows no more by default."""
    result = "" if accuracy is None else f" {accuracy:.1%}"
    return f"{config.method}{steps_of(config)} seed={config.seed}{result}"


def steps_of(config: RunConfig) -> str:
    """Name T, which methods without spikes do not have."""
    return f" T={config.time_steps}" if get_method(config.method).spiking else ""


def titles(config: RunConfig) -> dict[str, str]:
    """Method and dataset as tables and plots call them."""
    return {"method_title": method_title(config.method), "dataset_title": get_dataset(config.dataset).title}


def describe(config: RunConfig, facts: Mapping[str, str] | None = None) -> str:
    """Say in Markdown what a run is, and how it ended if that is known."""
    head = f"**{method_title(config.method)}**{steps_of(config)} on {get_dataset(config.dataset).title}, "
    head += f"network {config.architecture}, {config.epochs} epochs, protocol {config.protocol}"
    lines = [f"- {name}: {value}" for name, value in (facts or {}).items()]
    return "\n".join([head, "", *lines]) if lines else head


def summary(runs: Iterable["Run"]) -> tuple[dict[str, float], str, str]:
    """Sum up the seeds of a cell.

    Parameters
    ----------
    runs : iterable of Run
        Its runs, oldest first; of runs with the same configuration the last finished one counts.

    Returns
    -------
    metrics : dict
        Mean, standard deviation (n - 1) and n of the main metrics.
    statuses : str
        How many runs stand how.
    status : str
        MLflow's own: ``RUNNING``, ``FINISHED`` or ``FAILED``.
    """
    latest: dict[str, Run] = {}
    for run in runs:
        before = latest.get(run.data.tags["run_key"])
        if before is None or not _finished(before) or _finished(run):
            latest[run.data.tags["run_key"]] = run
    statuses = Counter(run.data.tags.get("status", "running") for run in latest.values())
    finished = [run for run in latest.values() if _finished(run)]
    metrics: dict[str, float] = {}
    for name in SUMMARISED:
        numbers = [run.data.metrics[name] for run in finished if name in run.data.metrics]
        if numbers:
            metrics[f"{name}_mean"] = mean(numbers)
        if len(numbers) > 1:
            metrics[f"{name}_std"] = stdev(numbers)
    # Last, as MLflow's page for comparing runs draws the first metric.
    metrics["seeds_finished"] = len(finished)
    ended = "RUNNING" if statuses["running"] else "FAILED" if not (finished or statuses["skipped"]) else "FINISHED"
    return metrics, ", ".join(f"{count} {name}" for name, count in sorted(statuses.items())), ended


def _finished(run: "Run") -> bool:
    return bool(run.data.tags.get("status") == "finished")


def outcome_facts(metrics: Mapping[str, Any]) -> dict[str, str]:
    """What of a result goes into the description of its run."""
    facts = {}
    if "accuracy_last" in metrics:
        facts["test accuracy, last epoch"] = f"{metrics['accuracy_last']:.2%}"
        facts["test accuracy, best epoch"] = f"{metrics['accuracy_best']:.2%}"
    if "exact_match" in metrics:
        facts["outputs that are their target"] = f"{metrics['exact_match']:.1%}"
        facts["van Rossum distance"] = f"{metrics['van_rossum']:.3g}"
    if "silent_fraction" in metrics:
        facts["silent neurons"] = f"{metrics['silent_fraction']:.1%}"
    if "latency_ms" in metrics:
        facts["latency"] = f"{metrics['latency_ms']:.3g} ms a sample"
    return facts
