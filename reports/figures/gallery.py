"""All figures of a study: which there are, what each is called, and what it shows in words."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from reports.cells import TERMS
from reports.figures import captions
from reports.figures.accuracy import (
    accuracy_after_each_step,
    accuracy_against_setting,
    accuracy_against_time_steps,
    accuracy_of_methods,
    training_curves,
)
from reports.figures.activity import histogram_of_spikes, silent_fraction_of_layers
from reports.figures.confusion import confusion_matrix
from reports.figures.cost import accuracy_against_cost
from reports.figures.kernels import kernel_speed
from reports.figures.raster import spikes_of_a_sample
from reports.figures.scales import time_steps_of
from reports.figures.style import save
from reports.load import Results
from reports.settings import told_apart
from reports.titles import dataset_title

LEFT_OUT = "Figures left out"


class FigureSection(NamedTuple):
    """A part of a report.

    Parameters
    ----------
    heading : str
        Without marks.
    alt : str
        For who cannot see the figure.
    stem : str
        Of the files, ``<stem>.png`` and ``<stem>.svg``; empty for a part without a figure.
    caption : str
        What is shown, of how many seeds, and what bars and bands mean; Markdown.
    animated : bool
        Whether there is a ``<stem>.gif`` instead.
    """

    heading: str
    alt: str
    stem: str
    caption: str
    animated: bool = False


class Kind(NamedTuple):
    """A figure that every group of runs may have.

    Parameters
    ----------
    heading, suffix : str
        What it is called, and what its file's name ends with.
    draw : callable
        Given the group's finished runs, and all results; None if there is nothing to show.
    caption : callable
        Given the same, once there is something to show.
    reason : str
        Why there is nothing to show, if there is not.
    """

    heading: str
    suffix: str
    draw: Callable[[pd.DataFrame, Results], Figure | None]
    caption: Callable[[pd.DataFrame, Results], str]
    reason: str


def _several_steps(finished: pd.DataFrame) -> bool:
    return time_steps_of(finished).size > 1


def _under_their_methods(runs: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Undo `told_apart`, for what shows settings in another way."""
    return results.finished[results.finished["run_key"].isin(runs["run_key"])]


KINDS = (
    Kind(
        "Accuracy against time steps",
        "time_steps",
        lambda runs, _: accuracy_against_time_steps(runs) if _several_steps(runs) else None,
        captions.of_accuracies,
        "",  # the next one stands in for it
    ),
    Kind(
        "Accuracy",
        "accuracy",
        lambda runs, _: None if _several_steps(runs) else accuracy_of_methods(runs),
        captions.of_methods,
        "",
    ),
    Kind(
        "Accuracy against a setting",
        "setting",
        lambda runs, results: accuracy_against_setting(_under_their_methods(runs, results)),
        captions.of_setting,
        "",  # few studies vary one
    ),
    Kind(
        "Accuracy after each time step",
        "anytime",
        lambda runs, results: accuracy_after_each_step(runs, results.anytime),
        captions.of_anytime,
        "no spiking method with more than one time step, or it was not recorded",
    ),
    Kind(
        "Accuracy against latency",
        "latency",
        lambda runs, _: accuracy_against_cost(runs, ("time_steps", "latency_ms")),
        captions.of_latency,
        "fewer than two methods or time steps with a latency",
    ),
    Kind(
        "Accuracy against energy",
        "energy",
        lambda runs, _: accuracy_against_cost(runs, ("energy_nj",)),
        captions.of_energy,
        "fewer than two methods or time steps with counted operations",
    ),
    Kind(
        "Training curves",
        "training",
        lambda runs, results: training_curves(runs, results.epochs),
        captions.of_training,
        "no epochs were recorded of these runs",
    ),
    Kind(
        "Silent neurons of each layer",
        "silent",
        lambda runs, results: silent_fraction_of_layers(runs, results.layers),
        captions.of_silent,
        "no spikes were recorded by layer for these runs",
    ),
    Kind(
        "Spikes of a neuron",
        "spikes",
        lambda runs, results: histogram_of_spikes(runs, results.histogram),
        captions.of_histogram,
        "no spikes were recorded by layer for these runs",
    ),
    Kind(
        "One sample on its way through the network",
        "raster",
        lambda runs, results: spikes_of_a_sample(runs, results.raster),
        captions.of_raster,
        "no spikes of a single sample were recorded for these runs",
    ),
    Kind(
        "Confusion matrix",
        "confusion",
        lambda runs, results: confusion_matrix(runs, results.confusion),
        captions.of_confusion,
        "no decisions were recorded by class for these runs",
    ),
)


def draw_figures(results: Results, folder: Path) -> list[FigureSection]:
    """Draw all that there is to show, as PNG and SVG.

    Parameters
    ----------
    results : Results
        Runs without a result are left out; figures are drawn for each dataset, and apart for each network, protocol and
        part of the data, as only equal ones compare.
    folder : Path
        Where the files go.

    Returns
    -------
    list of FigureSection
        In the order of the report; the last part of each group says what was left out and why.
    """
    sections = []
    for finished, stem, title in _groups(results):
        missing = []
        for kind in KINDS:
            figure = kind.draw(finished, results)
            if figure is not None:
                name = f"{stem}_{kind.suffix}"
                save(figure, folder, name)
                alt = f"{kind.heading} on {title}"
                sections.append(FigureSection(f"{kind.heading}: {title}", alt, name, kind.caption(finished, results)))
            elif kind.reason:
                missing.append(f"- {kind.heading}: {kind.reason}.")
        if missing:
            sections.append(FigureSection(f"{LEFT_OUT}: {title}", "", "", "\n".join(missing)))
    return [*sections, *_kernels(results, folder)]


def _groups(results: Results) -> Iterator[tuple[pd.DataFrame, str, str]]:
    """Finished runs that compare, with the beginning of their files' names and a title."""
    for dataset, of_dataset in told_apart(results.finished).groupby("dataset", sort=True):
        name, title = str(dataset), dataset_title(str(dataset))
        groups = list(of_dataset.groupby(TERMS, sort=True, dropna=False))
        varying = [index for index, column in enumerate(TERMS) if of_dataset[column].nunique(dropna=False) > 1]
        for number, (values, finished) in enumerate(groups, start=1):
            if len(groups) == 1:
                yield finished, name, title
            else:
                yield (
                    finished,
                    f"{name}_{number}",
                    f"{title} {', '.join(_in_words(TERMS[i], values[i]) for i in varying)}",
                )


def _in_words(column: str, value: object) -> str:
    """Name a value of a column of `TERMS`."""
    if column in ("architecture", "protocol"):
        return str(value)
    if column == "epochs":
        return f"{value} epochs"
    if column == "evaluate_on":
        return f"on the {value} set".replace("held_out set", "held-out samples")
    kind = column.removesuffix("_samples")
    return f"all {kind} samples" if pd.isna(value) else f"{value} {kind} samples"  # type: ignore[call-overload]


def _kernels(results: Results, folder: Path) -> list[FigureSection]:
    figure = kernel_speed(results.kernels)
    if figure is None:
        return []
    save(figure, folder, "kernels")
    heading = "Speed of the kernels against time steps"
    return [FigureSection(heading, heading, "kernels", captions.of_kernels(results.kernels))]
