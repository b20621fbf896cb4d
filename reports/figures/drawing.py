"""What drawing a figure gives: the figure and its caption; and the section of a report that shows it."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from reports.figures.style import save
from reports.model import Note, Picture, Section


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


def section_of(
    heading: str, stem: str, drawing: Drawing | None, folder: Path, *, alt: str | None = None
) -> list[Section]:
    """Save a figure and put it under its heading, in words `alt`; no section if there is nothing to show."""
    if drawing is None:
        return []
    save(drawing.figure, folder, stem)
    return [Section(heading, [Picture(stem, alt or heading, drawing.caption)])]


def seed_counts(runs: pd.DataFrame) -> dict[str, int]:
    """Least and largest number of seeds of a cell among some runs."""
    counts = runs.groupby("cell_key").size()
    return {"least": int(counts.min()), "most": int(counts.max())}
