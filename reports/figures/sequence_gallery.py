"""All figures of runs with target spike trains."""

from pathlib import Path

from reports.figures.animation import animate_outputs
from reports.figures.drawing import section_of
from reports.figures.sequences import distance_curves, outputs_while_learning, reach
from reports.load import Results
from reports.model import Picture, Section
from reports.titles import learns_random_trains


def draw_sequence_figures(results: Results, folder: Path) -> list[Section]:
    """Draw all that there is to show, as PNG and SVG, and outputs over the training as GIF.

    Parameters
    ----------
    results : Results
        Of runs with target spike trains.
    folder : Path
        Where the files go.

    Returns
    -------
    list of Section
        In the order of the report; what has nothing to show is left out.
    """
    finished, rasters = results.finished, results.output_rasters
    curves, reached = distance_curves(finished, results.epochs), reach(finished[learns_random_trains(finished)])
    outputs = outputs_while_learning(finished, rasters)
    sections = [
        *section_of("Distance from the target over the training", "sequences_distance", curves, folder),
        *section_of("What can be learnt exactly", "sequences_reach", reached, folder),
        *section_of("Outputs while they learn", "sequences_outputs", outputs, folder),
    ]
    stem, heading = "sequences_learning", "Outputs over the training, animated"
    caption = animate_outputs(finished, rasters, folder / f"{stem}.gif")
    if caption is not None:
        sections.append(Section(heading, [Picture(stem, heading, caption, animated=True)]))
    return sections
