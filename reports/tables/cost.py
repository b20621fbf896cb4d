"""What accuracy costs: time, spikes, operations, energy and memory."""

import pandas as pd

from benchmarks.metrics.metric import metric_columns
from reports.cells import percent
from reports.tables.cells import cells_of, mean_in_words, without_constant, without_empty


def cost_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Means over the runs of a cell; most accurate first within a dataset and network.

    Its columns are those that metrics give a heading.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.
    """
    shown = [column for column in metric_columns() if column.heading]
    rows = []
    for about, runs in cells_of(finished):
        costs = {column.heading: mean_in_words(runs[column.name], column.text.format) for column in shown}
        rows.append(
            {**about, "last epoch %": percent(runs["accuracy_last"]), **costs, "_order": -runs["accuracy_last"].mean()}
        )
    table = pd.DataFrame(rows).sort_values(["dataset", "network", "_order"], kind="stable").drop(columns="_order")
    return without_empty(without_constant(table, ("dataset", "network", "profile", "epochs", "training samples")))
