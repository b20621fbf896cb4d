"""Fixtures of the tests of reports."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.figures import drawing, sequence_gallery
from reports.model import Note


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures blank, as drawing them takes most of the time of a report."""

    def save(figure: Figure, folder: Path, stem: str) -> None:
        del figure
        for kind in ("png", "svg"):
            (folder / f"{stem}.{kind}").write_bytes(b"")

    def animate(finished: pd.DataFrame, rasters: pd.DataFrame, path: Path) -> Note:
        del finished, rasters
        path.write_bytes(b"")
        return Note("learning_figure")

    monkeypatch.setattr(sequence_gallery, "animate_outputs", animate)
    monkeypatch.setattr(drawing, "save", save)
