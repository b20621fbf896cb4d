"""Records as rows of tables: what results.csv and the other CSV files of a report are made of."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from benchmarks.metrics.metric import column_names
from benchmarks.tracking.environment import Environment
from benchmarks.tracking.record import Record

PART_COLUMNS = ("train_samples", "test_samples", "evaluate_on")
"""Which part of the data a run saw; a number of samples is missing where it saw all."""

CONFIG_COLUMNS = ("dataset", "method", "architecture", "time_steps", "seed", "epochs", "protocol", *PART_COLUMNS)
"""Main values of a configuration."""

CONFIG = "config"
"""Column with the whole configuration as JSON."""

TAG_COLUMNS = ("status", "reason", "run_key", "cell_key", *(field.name for field in fields(Environment)))
"""How a run stands, and what it was made with; its numbers follow."""

METRIC_COLUMNS = tuple(column_names())
"""Numbers of a run."""

RUN_COLUMNS = (*CONFIG_COLUMNS, CONFIG, *TAG_COLUMNS, *METRIC_COLUMNS)
"""All of results.csv, in order."""


def run_row(record: Record) -> dict[str, Any]:
    """One row of results.csv."""
    tags = {"status": record.status, "reason": record.reason or None}
    tags |= {"run_key": record.run_key, "cell_key": record.cell_key}
    tags |= {name: str(value) for name, value in record.environment.items()}
    row = config_row(record.config) | {name: tags.get(name) for name in TAG_COLUMNS}
    return row | {name: record.measures.get(name) for name in METRIC_COLUMNS}


def config_row(config: Mapping[str, Any]) -> dict[str, Any]:
    """What results.csv says of a configuration: its main values, and all of it in one column."""
    return {**{name: config.get(name) for name in CONFIG_COLUMNS}, CONFIG: json.dumps(config, sort_keys=True)}


def epoch_rows(record: Record) -> list[dict[str, Any]]:
    """One row an epoch, with the numbers that there are."""
    return [
        {"run_key": record.run_key, **{name: value for name, value in epoch.numbers().items() if value is not None}}
        for epoch in record.history
    ]


def anytime_rows(record: Record) -> list[dict[str, Any]]:
    """One row a time step: the accuracy by the output up to it."""
    accuracies = enumerate(record.tables.get("accuracy_at_step", ()), start=1)
    return [{"run_key": record.run_key, "step": step, "accuracy": accuracy} for step, accuracy in accuracies]
