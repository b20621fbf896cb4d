"""Published results as they are."""

from collections.abc import Sequence

import pandas as pd

from reports.published import Published
from reports.tables.cells import NOTHING, without_constant
from tssl_core.architecture import parse_architecture


def published_table(results: Sequence[Published], finished: pd.DataFrame) -> pd.DataFrame:
    """Published results with source and certainty, and whether there is a run to compare with.

    Parameters
    ----------
    results : sequence of Published
        All of one dataset.
    finished : DataFrame
        Finished runs of that dataset; none of their numbers is shown.
    """
    runs = finished[["architecture", "method", "time_steps"]].drop_duplicates()
    ours = [
        (parse_architecture(architecture).plain, method, int(steps))
        for architecture, method, steps in runs.itertuples(index=False)
    ]
    table = pd.DataFrame(
        {
            "network": row.architecture or row.network,
            "method": row.title,
            "T": row.time_steps or NOTHING,
            "epochs": row.epochs or NOTHING,
            "accuracy %": str(row),
            "certainty": row.certainty_text,
            "here": "run" if any(row.matches(*run) for run in ours) else "published only",
            "source": row.source,
        }
        for row in results
    )
    return without_constant(table, ("network",))
