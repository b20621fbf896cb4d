"""Results that were made up, for tests."""

from typing import Any

import pandas as pd

from benchmarks.tracking import CONFIG_COLUMNS, RUN_COLUMNS
from reports.contents import report_of
from reports.load import Results, results_from_tables
from reports.templating import report_to_markdown


def run_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(RUN_COLUMNS)
    row |= {"dataset": "fashion_mnist", "method": "tssl_bp", "architecture": "400-400", "time_steps": "5", "seed": "0"}
    row |= {"epochs": "100", "protocol": "paper", "status": "finished", "accuracy_last": 0.89, "accuracy_best": 0.90}
    row |= {"silent_fraction": 0.8, "latency_ms": 0.5, "training_seconds": 60.0, **changes}
    identity = "".join(str(row[key]) for key in (*CONFIG_COLUMNS, "cell_key"))
    return {**row, "run_key": identity}


def epoch_row(run: dict[str, Any], epoch: int, test_accuracy: float) -> dict[str, Any]:
    return {"run_key": run["run_key"], "epoch": epoch, "test_accuracy": test_accuracy}


def _curve(run: dict[str, Any]) -> tuple[float, ...]:
    """Accuracies of three epochs, the last of which stands for the end of the training, too."""
    last = run["accuracy_last"]
    return 0.1, 0.2, 0.3 if last is None else last


def results_of(*runs: dict[str, Any]) -> Results:
    epochs = [epoch_row(run, epoch, accuracy) for run in runs for epoch, accuracy in enumerate(_curve(run), start=1)]
    steps = [(run["run_key"], step, 0.1 * step) for run in runs for step in range(1, int(run["time_steps"]) + 1)]
    anytime = pd.DataFrame(steps, columns=["run_key", "step", "accuracy"])
    return results_from_tables("made", pd.DataFrame(runs), pd.DataFrame(epochs), anytime)


def markdown_of(results: Results) -> str:
    """The report without figures."""
    return report_to_markdown(report_of(results, title="Made"))
