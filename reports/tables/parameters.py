"""Parameters that a study or a command has set in the place of a method's own."""

import pandas as pd

from reports.settings import nondefault_parameters
from reports.tables.cells import cells_of


def parameter_table(finished: pd.DataFrame) -> pd.DataFrame:
    """The methods that were not run with their defaults or those of their preset, and what was set.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.

    Returns
    -------
    DataFrame
        A row a method and what was set; none if all methods were run as they are, or nothing is known of it.
    """
    rows = [
        {"method": cell["method"], "set": words}
        for cell, runs in cells_of(finished)
        if (words := nondefault_parameters(runs))
    ]
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)
