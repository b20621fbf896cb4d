"""What accuracy costs: time, spikes, operations, energy and memory."""

import pandas as pd

from benchmarks.metrics.metric import metric_columns
from reports.load import LATE
from reports.tables.cells import cells_of, mean_in_words, share, without_constant, without_empty

UPDATES = "neuron updates"
"""Column of the neurons of spiking layers times T, which no run measures and `layers` tells."""


def cost_table(finished: pd.DataFrame, layers: pd.DataFrame | None = None) -> pd.DataFrame:
    """Means over the runs of a cell; most accurate first within a dataset and network.

    Its columns are those that metrics give a heading.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.
    layers : DataFrame, optional
        Their layers, see `reports.details.DETAILS`: with them neuron updates are counted, one a neuron and time step.
    """
    shown = [column for column in metric_columns() if column.heading]
    neurons = {} if layers is None else layers.groupby("run_key")["neurons"].sum().to_dict()
    rows = []
    for about, runs in cells_of(finished):
        costs = {column.heading: mean_in_words(runs[column.name], column.text.format) for column in shown}
        if layers is not None:
            costs[UPDATES] = mean_in_words(runs["run_key"].map(neurons) * runs["time_steps"], "{:,.0f}".format)
        rows.append({**about, "last ten %": share(runs[LATE]), **costs, "_order": -runs[LATE].mean()})
    table = pd.DataFrame(rows).sort_values(["dataset", "network", "_order"], kind="stable").drop(columns="_order")
    return without_empty(without_constant(table, ("dataset", "network", "profile", "epochs", "training samples")))
