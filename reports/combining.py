"""Runs of several stores or reports as those of one study."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports.load import TABLES, Results, results_from_tables


def combined(parts: Sequence[Results]) -> Results:
    """Take the runs of several stores or reports as those of one study, the first one's.

    Of a configuration that several have, the run in the last one that has it finished counts.
    """
    place: dict[str, int] = {}
    for finished in (False, True):
        for number, part in enumerate(parts):
            keys = part.runs.loc[(part.runs["status"] == "finished") == finished, "run_key"]
            place |= dict.fromkeys(keys, number)
    chosen = [part.select(part.runs["run_key"].map(place) == number) for number, part in enumerate(parts)]
    tables = {name: _joined([getattr(part, name) for part in chosen]) for name in ("runs", *TABLES)}
    runs, epochs, anytime = (tables.pop(name) for name in ("runs", "epochs", "anytime"))
    beside = {name: getattr(parts[0], name) for name in ("kernels", "alignment")}
    return replace(results_from_tables(parts[0].study, runs, epochs, anytime, tables), **beside)


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other; one without rows says nothing of its columns' types."""
    return pd.concat([table for table in tables if not table.empty] or tables[:1], ignore_index=True)
