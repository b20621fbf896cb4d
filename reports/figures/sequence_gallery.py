"""All figures of runs with target spike trains."""

from pathlib import Path

from reports.figures.animation import animate_outputs
from reports.figures.gallery import FigureSection
from reports.figures.sequences import distance_curves, outputs_while_learning, reach
from reports.figures.style import save
from reports.load import Results

CURVES = """\
Mean van Rossum distance between outputs and targets after each epoch, a panel for each problem: lines are means over
seeds, bands one standard deviation. 0 is an output that is its target in every step; a spike too many or too few
counts 1. A line that stays where it began has learnt nothing: a silent output lies the root of its target's number of
spikes away."""

REACH = """\
Share of the runs, over seeds, in which after some epoch every output was its target in every step. One thing is made
harder at a time, the others are as in most runs; markers are moved apart where methods lie on one another."""

OUTPUTS = """\
What the output neurons do for the first sample, a row a neuron, time to the right, in the run of the lowest seed:
spikes that are in the target have the method's colour, wrong ones are pink. Methods are in the order of their last
distance."""

ANIMATION = """\
The same over the training: a frame a recorded epoch, which become rarer as less is learnt in one."""


def draw_sequence_figures(results: Results, folder: Path) -> list[FigureSection]:
    """Draw all that there is to show, as PNG and SVG, and outputs over the training as GIF.

    Parameters
    ----------
    results : Results
        Of runs with target spike trains.
    folder : Path
        Where the files go.

    Returns
    -------
    list of FigureSection
        In the order of the report; what has nothing to show is left out.
    """
    finished, rasters = results.finished, results.output_rasters
    patterns = finished[finished["dataset"] == "spike_patterns"]
    drawn = (
        ("Distance from the target over the training", "distance", distance_curves(finished, results.epochs), CURVES),
        ("What can be learnt exactly", "reach", reach(patterns), REACH),
        ("Outputs while they learn", "outputs", outputs_while_learning(finished, rasters), OUTPUTS),
    )
    sections = []
    for heading, suffix, figure, caption in drawn:
        if figure is not None:
            stem = f"sequences_{suffix}"
            save(figure, folder, stem)
            sections.append(FigureSection(heading, heading, stem, caption))
    stem = "sequences_learning"
    if animate_outputs(finished, rasters, folder / f"{stem}.gif"):
        heading = "Outputs over the training, animated"
        sections.append(FigureSection(heading, heading, stem, ANIMATION, animated=True))
    return sections
