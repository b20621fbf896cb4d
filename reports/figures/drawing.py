"""What drawing a figure gives: the figure and its caption."""

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from reports.model import Note


class Drawing(NamedTuple):
    """A figure and its caption.

    Parameters
    ----------
    figure : Figure
        Not yet laid out.
    caption : Note
        What is shown, of how many seeds, and what bars and bands mean.
    """

    figure: Figure
    caption: Note


def seed_counts(runs: pd.DataFrame) -> dict[str, int]:
    """Least and largest number of seeds of a cell among some runs."""
    counts = runs.groupby("cell_key").size()
    return {"least": int(counts.min()), "most": int(counts.max())}
