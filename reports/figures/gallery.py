"""All figures of a study: which there are, and what each is called."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reports.cells import TERMS
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
from reports.figures.drawing import Drawing, section_of
from reports.figures.kernels import kernel_speed
from reports.figures.raster import spikes_of_a_sample
from reports.figures.scales import time_steps_of
from reports.load import Results
from reports.model import Note, Section
from reports.settings import label_methods_by_setting
from reports.titles import dataset_title

LEFT_OUT = "Figures left out"


class Kind(NamedTuple):
    """A figure that every group of runs may have.

    Parameters
    ----------
    heading, name : str
        What it is called, and what its file's name ends with.
    draw : callable
        Given the group's finished runs, and all results; None if there is nothing to show.
    expected : bool
        Whether the report says so if there is nothing to show.
    """

    heading: str
    name: str
    draw: Callable[[pd.DataFrame, Results], Drawing | None]
    expected: bool = True


def _several_steps(finished: pd.DataFrame) -> bool:
    return time_steps_of(finished).size > 1


def _under_their_methods(runs: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Undo `label_methods_by_setting`, for what shows settings in another way."""
    return results.finished[results.finished["run_key"].isin(runs["run_key"])]


KINDS = (
    Kind(
        "Accuracy against time steps",
        "time_steps",
        lambda runs, _: accuracy_against_time_steps(runs) if _several_steps(runs) else None,
        expected=False,  # the next one stands in for it
    ),
    Kind(
        "Accuracy",
        "accuracy",
        lambda runs, _: None if _several_steps(runs) else accuracy_of_methods(runs),
        expected=False,
    ),
    Kind(
        "Accuracy against a setting",
        "setting",
        lambda runs, results: accuracy_against_setting(_under_their_methods(runs, results)),
        expected=False,  # few studies vary one
    ),
    Kind(
        "Accuracy after each time step",
        "anytime",
        lambda runs, results: accuracy_after_each_step(runs, results.anytime),
    ),
    Kind(
        "Accuracy against latency",
        "latency",
        lambda runs, _: accuracy_against_cost(runs, ("time_steps", "latency_ms")),
    ),
    Kind(
        "Accuracy against energy",
        "energy",
        lambda runs, _: accuracy_against_cost(runs, ("energy_nj",)),
    ),
    Kind("Training curves", "training", lambda runs, results: training_curves(runs, results.epochs)),
    Kind(
        "Silent neurons of each layer",
        "silent",
        lambda runs, results: silent_fraction_of_layers(runs, results.layers),
    ),
    Kind("Spikes of a neuron", "spikes", lambda runs, results: histogram_of_spikes(runs, results.histogram)),
    Kind(
        "One sample on its way through the network",
        "raster",
        lambda runs, results: spikes_of_a_sample(runs, results.raster),
    ),
    Kind("Confusion matrix", "confusion", lambda runs, results: confusion_matrix(runs, results.confusion)),
)


def draw_figures(results: Results, folder: Path) -> list[Section]:
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
    list of Section
        In the order of the report; the last one of each group says what was left out and why.
    """
    sections: list[Section] = []
    for finished, stem, title in _groups(results):
        missing = {}
        for kind in KINDS:
            heading, alt = f"{kind.heading}: {title}", f"{kind.heading} on {title}"
            drawn = section_of(heading, f"{stem}_{kind.name}", kind.draw(finished, results), folder, alt=alt)
            sections += drawn
            if kind.expected and not drawn:
                missing[kind.name] = kind.heading
        if missing:
            sections.append(Section(f"{LEFT_OUT}: {title}", [Note("left_out", {"figures": missing})]))
    return [*sections, *_kernels(results, folder)]


def _groups(results: Results) -> Iterator[tuple[pd.DataFrame, str, str]]:
    """Finished runs that compare, with the beginning of their files' names and a title."""
    for dataset, of_dataset in label_methods_by_setting(results.finished).groupby("dataset", sort=True):
        name, title = str(dataset), dataset_title(str(dataset))
        groups = list(of_dataset.groupby(TERMS, sort=True, dropna=False))
        varying = [index for index, column in enumerate(TERMS) if of_dataset[column].nunique(dropna=False) > 1]
        for number, (values, finished) in enumerate(groups, start=1):
            if len(groups) == 1:
                yield finished, name, title
            else:
                terms = ", ".join(_describe_term(TERMS[index], values[index]) for index in varying)
                yield finished, f"{name}_{number}", f"{title} {terms}"


def _describe_term(column: str, value: object) -> str:
    """Name a value of a column of `TERMS`."""
    if column in ("architecture", "protocol"):
        return str(value)
    if column == "epochs":
        return f"{value} epochs"
    if column == "evaluate_on":
        return f"on the {value} set".replace("held_out set", "held-out samples")
    kind = column.removesuffix("_samples")
    return f"all {kind} samples" if pd.isna(value) else f"{value} {kind} samples"  # type: ignore[call-overload]


def _kernels(results: Results, folder: Path) -> list[Section]:
    return section_of("Speed of the kernels against time steps", "kernels", kernel_speed(results.kernels), folder)
