"""What accuracy costs: time, spikes, operations, energy and memory."""

from collections.abc import Callable

import pandas as pd

from reports.cells import percent
from reports.tables.cells import cells_of, mean_in_words, without_constant, without_empty

UPDATES = "neuron_updates"

COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "ms/sample": ("latency_ms", "{:.3f}".format),
    "ms alone": ("latency_ms_single", "{:.2f}".format),
    "spikes": ("spikes_per_inference", "{:,.0f}".format),
    "synops": ("synops", "{:,.0f}".format),
    "MACs": ("macs", "{:,.0f}".format),
    "neuron updates": (UPDATES, "{:,.0f}".format),
    "energy nJ": ("energy_nj", "{:,.0f}".format),
    "energy nJ, image every step": ("energy_every_step_nj", "{:,.0f}".format),
    "training s": ("training_seconds", "{:,.0f}".format),
    "samples/s": ("train_samples_per_second", "{:,.0f}".format),
    "memory MiB": ("peak_memory_mib", "{:,.0f}".format),
}
"""Columns of the table: the metric behind each, and how it is printed."""


def cost_table(finished: pd.DataFrame, layers: pd.DataFrame | None = None) -> pd.DataFrame:
    """Means over the runs of a cell; most accurate first within a dataset and network.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.
    layers : DataFrame, optional
        Their layers, see `reports.details.DETAILS`: with them neuron updates are counted, one a neuron and time step.
    """
    if layers is not None:
        neurons = finished["run_key"].map(layers.groupby("run_key")["neurons"].sum())
        finished = finished.assign(**{UPDATES: neurons * finished["time_steps"]})
    rows = []
    for about, runs in cells_of(finished):
        there = {title: column for title, column in COLUMNS.items() if column[0] in runs}
        costs = {title: mean_in_words(runs[metric], text) for title, (metric, text) in there.items()}
        rows.append(
            {**about, "last epoch %": percent(runs["accuracy_last"]), **costs, "_order": -runs["accuracy_last"].mean()}
        )
    table = pd.DataFrame(rows).sort_values(["dataset", "network", "_order"], kind="stable").drop(columns="_order")
    return without_empty(without_constant(table, ("dataset", "network", "profile", "epochs", "training samples")))
