"""Outputs that become their target, as an animated picture."""

import io
import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from reports.figures.sequences import draw_cells, frames
from reports.figures.style import SMALL, WIDTH
from reports.model import Note
from reports.titles import method_title

COLUMNS, ROW_HEIGHT = 3, 1.35
MILLISECONDS, LAST_MILLISECONDS = 500, 2500
PIXELS_AN_INCH = 100


def animate_outputs(finished: pd.DataFrame, rasters: pd.DataFrame, path: Path) -> Note | None:
    """Write a GIF whose frames are stages of training: the target, and the output of each method beside it.

    Parameters
    ----------
    finished, rasters : DataFrame
        As of `reports.figures.sequences.outputs_while_learning`.
    path : Path
        File to write.

    Returns
    -------
    Note or None
        Its caption; None if there was nothing to show, and nothing is written.
    """
    images = [_frame(*stage) for stage in frames(finished, rasters)]
    if not images:
        return None
    first, *rest = [image.quantize(64, dither=Image.Dither.NONE) for image in images]
    durations = [MILLISECONDS] * len(rest) + [LAST_MILLISECONDS]
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, optimize=False)
    return Note("learning_figure")


def _frame(title: str, outputs: dict[str, np.ndarray], target: np.ndarray) -> Image.Image:
    panels = [("target", target), *((method_title(name), cells) for name, cells in outputs.items())]
    rows = math.ceil(len(panels) / COLUMNS)
    with mpl.rc_context({"font.size": SMALL}):
        figure = Figure(figsize=(WIDTH, 0.4 + ROW_HEIGHT * rows))
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
    figure.subplots_adjust(
        left=0.01, right=0.99, bottom=0.02, top=1 - 0.55 / (0.4 + ROW_HEIGHT * rows), hspace=0.3, wspace=0.04
    )
    figure.suptitle(title, fontsize=SMALL + 2)
    for axes, (name, cells) in zip(grid.flat, panels, strict=False):
        draw_cells(axes, cells, target)
        axes.set_title(name, fontsize=SMALL, pad=2)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PIXELS_AN_INCH)
    return Image.open(buffer).convert("RGB")
