"""How long the training of whole studies took, and on what."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

SECONDS_A_MINUTE, SECONDS_AN_HOUR = 60, 3600


def effort_table(studies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each study and machine: its runs, minutes of training in the median run, and hours in all of them.

    Parameters
    ----------
    studies : mapping
        Finished runs of each study by its name; evaluation is not counted.
    """
    rows = []
    for study, finished in studies.items():
        measured = finished[finished["training_seconds"].notna()]
        for where, runs in measured.groupby(measured.apply(_where, axis=1), sort=True):
            seconds = runs["training_seconds"]
            rows.append(
                {
                    "study": study,
                    "on": where,
                    "runs": len(runs),
                    "minutes a run": f"{seconds.median() / SECONDS_A_MINUTE:.2f}",
                    "hours in all": f"{seconds.sum() / SECONDS_AN_HOUR:.2f}",
                }
            )
    return pd.DataFrame(rows, columns=["study", "on", "runs", "minutes a run", "hours in all"])


def _where(run: "pd.Series[Any]") -> str:
    """The GPU, or the processor and how many threads of it."""
    if run["device"] != "cpu":
        return str(run["device"])
    processor = "CPU" if pd.isna(run["processor"]) else str(run["processor"])
    if pd.isna(run["threads"]):
        return processor
    threads = int(run["threads"])
    return f"{processor}, {threads} thread{'s' if threads > 1 else ''}"
