"""Equal searches of parameters: as many trials for each method of a study, each an ordinary run of another study."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.quasirandom import SobolEngine

from baselines.method import get_method
from baselines.search import LEARNING_RATE, Space
from benchmarks.config.nested import merge, nested
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.errors import ConfigError
from benchmarks.study.study import Cell, Study, cell_of

RATE = "optimizer.learning_rate"
OF_METHOD = "parameters."
SCRAMBLE = 0
"""Seed of the draws: the same for all methods, and for more trials the same first ones."""


@dataclass(frozen=True)
class Trial:
    """One draw.

    Parameters
    ----------
    settings : mapping
        Nested keys of `RunConfig`.
    cell : Cell
        The run with these, judged by held-out samples.
    """

    settings: Mapping[str, Any]
    cell: Cell


def space_of(method: str) -> Space:
    """Return what is searched of a method: the learning rate, and what it declares, by keys of `RunConfig`."""
    own = get_method(method).search_space
    return {RATE: LEARNING_RATE, **{OF_METHOD + name: values for name, values in own.items()}}


def draw_settings(space: Space, trials: int) -> Iterator[dict[str, Any]]:
    """Draw so many points of a space, spread evenly by a scrambled Sobol' sequence; yield them as nested keys."""
    for point in SobolEngine(len(space), scramble=True, seed=SCRAMBLE).draw(trials, dtype=torch.float64).tolist():
        settings: dict[str, Any] = {}
        for (key, values), place in zip(space.items(), point, strict=True):
            settings = merge(settings, nested(key, values.at(place)))
        yield settings


def base_of_each_method(study: Study) -> dict[str, RunConfig]:
    """Return the configuration that is to be tuned of each method: that of its only cell, with the first seed.

    Raises
    ------
    ConfigError
        If a method has several cells, does not support its cell, or is not judged by an accuracy; says what to do.
    """
    found: dict[str, RunConfig] = {}
    for cell in study.cells:
        config = cell.config
        known = found.setdefault(config.method, config)
        if known.cell_key != config.cell_key:
            raise ConfigError(
                f"{config.method} has several cells in study {study.name}, such as T = {known.time_steps} and "
                f"{config.time_steps}; expected one: choose by --set, for example --set 'grid.time_steps=[5]'"
            )
        if get_dataset(config.dataset).task != "classification":
            raise ConfigError(f"{config.dataset} has no classes; expected a study that is judged by accuracies")
        if cell.skip_reason is not None:
            raise ConfigError(f"{config.method} cannot be tuned: {cell.skip_reason}; leave it out by --only method=...")
    return found


def trials_of(base: RunConfig, trials: int, *, held_out: int) -> list[Trial]:
    """Make the trials of a method.

    Parameters
    ----------
    base : RunConfig
        What they are laid over.
    trials : int
        How many.
    held_out : int
        Samples of the training set that are not trained on and take the place of the test set.
    """
    judged = {"held_out": held_out, "evaluate_on": "held_out"}
    return [
        Trial(settings, replace(_cell(base, judged, settings), settings=f"trial {number} of {trials}"))
        for number, settings in enumerate(draw_settings(space_of(base.method), trials), start=1)
    ]


def confirmations(base: RunConfig, settings: Mapping[str, Any], *, held_out: int, seeds: int) -> list[Cell]:
    """Make the runs that confirm a winner: on the test set, with so many seeds that no trial had.

    The held-out samples are not trained on here either.
    """
    judged = {"held_out": held_out, "evaluate_on": "test"}
    return [_cell(base, judged, settings, {"seed": base.seed + fresh}) for fresh in range(1, seeds + 1)]


def derived_study(study: Study, suffix: str, cells: Sequence[Cell], command: str) -> Study:
    """Return a study of other cells, under the name of the first with a suffix; equal ones are one run."""
    different: dict[str, Cell] = {}
    for cell in cells:
        different.setdefault(cell.config.run_key, cell)
    name, title = f"{study.name}-{suffix}", f"{study.title}, {suffix}"
    return Study(name, title, study.profile, command, tuple(different.values()))


def _cell(base: RunConfig, *changes: Mapping[str, Any]) -> Cell:
    values = base.model_dump(mode="json")
    for change in changes:
        values = merge(values, change)
    return cell_of(validate_run(values))
