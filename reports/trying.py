"""What ``tssl try`` does: a method of one's own on the protocol of a report, as a row beside its runs."""

import hashlib
import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pandas as pd

from baselines.discovery import classes_in
from baselines.method import Method, get_method
from baselines.plugins import PluginError, module_of_file, plugged_in
from benchmarks.cli.commands import carry_out, plan_here
from benchmarks.cli.main import EXIT_RUN_FAILED
from benchmarks.cli.options import local_executor
from benchmarks.config.nested import merge, parse_overrides
from benchmarks.config.run import validate_run
from benchmarks.errors import ConfigError
from benchmarks.platform.atomic import make_writable_folder, writing
from benchmarks.platform.interruption import TimeLimitError, time_limit
from benchmarks.study.selection import select_cells
from benchmarks.study.study import Study, cell_of, repeated
from benchmarks.sweep.durations import in_words as duration
from benchmarks.sweep.durations import makespan
from benchmarks.sweep.estimate import CellCost, estimate_runs
from benchmarks.tracking import Runs
from reports.cli import TryOptions
from reports.load import results_from_runs
from reports.ranking import (
    CONSTANT,
    MARK,
    MEASURES,
    SETTING,
    committed,
    heading,
    in_words,
    measure_of,
    protocol_of,
    ranking,
    values_after,
)
from reports.statistics import FEWEST

CHECKSUM_LENGTH = 8
OF_ONES_OWN = {"parameters", "optimizer", "schedule", "epochs"}
"""Settings that a method may have of its own on the protocol of a report; theirs are looked at after as many epochs."""

MARGIN = 0.9
"""Part of a budget that is planned with, as an estimate may be short."""


def try_command(options: TryOptions) -> int:
    """Train a method on the protocol of a report, and print its rank among the report's methods."""
    file, preset = split_preset(options.method)
    with plugged_in([] if file is None else [file]):
        method = options.method if file is None else method_in(file) + preset
        study = trial(options, method, file)
        if options.output is not None:
            with writing(options.output):
                make_writable_folder(options.output.parent)
        code = EXIT_RUN_FAILED
        try:
            with nullcontext() if options.budget is None else time_limit(options.budget):
                if options.budget is not None:
                    study = within(options.budget, study, options)
                executor = local_executor(options.jobs)
                code = carry_out(study, options, options.mirror(), executor=executor, estimating=False)
        except TimeLimitError:
            print(
                f"{duration(options.budget or 0)} are over; what has not come to its end is left out, and goes on with "
                f"the other options as they were by: {command_of_the_rest(options, study)}"
            )
            if not Runs(options.runs).files(study.name):
                return code
        tables = rankings(options, study)
    for title, table in tables:
        print(f"\n{title}\n{in_words(table)}")
    print(f"\nTheir runs are those of the report {options.against}; nothing of them ran again.")
    if options.output is not None:
        with writing(options.output):
            pd.concat([table.assign(of=title) for title, table in tables]).to_csv(options.output, index=False)
    return code


def split_preset(text: str) -> tuple[Path | None, str]:
    """Tell ``FILE.py``, perhaps with ``:preset``, from the name of a method that is installed."""
    path, suffix, rest = text.rpartition(".py")
    if suffix and (not rest or rest.startswith(":")):
        return Path(path + suffix), rest
    return None, ""


def method_in(file: Path) -> str:
    """Name of the one method that a file defines.

    Raises
    ------
    PluginError
        If there is none, or there are several.
    """
    names = list(classes_in(module_of_file(file.resolve()), Method))  # type: ignore[type-abstract]
    if len(names) != 1:
        raise PluginError(
            f"{file} defines {len(names)} methods ({', '.join(names) or 'none'}); expected one class with Method as "
            "its base, a name and build"
        )
    return names[0]


def trial(options: TryOptions, method: str, file: Path | None) -> Study:
    """Return the runs of a method on the protocol of a report, and no others.

    Each state of a file has a study of its own, so that a changed method is not taken for one that has run.
    """
    changes = parse_overrides(options.overrides)
    if others := sorted(set(changes) - OF_ONES_OWN):
        raise ConfigError(
            f"--set {others[0]} would leave the protocol of the report {options.against}; expected "
            f"{', '.join(sorted(OF_ONES_OWN))}. --only takes a part of its runs, such as --only time_steps=5"
        )
    changes = merge({"method": method}, changes)
    runs = protocol_of(committed(options.against), spiking=get_method(method).spiking)
    cells = tuple(cell_of(validate_run(merge(run, changes))) for run in runs)
    state = "" if file is None else f"_{hashlib.sha256(file.read_bytes()).hexdigest()[:CHECKSUM_LENGTH]}"
    command = shlex.join(["tssl", "try", options.method, "--against", options.against])
    name = f"try_{method.replace(':', '_')}{state}"
    return select_cells(Study(name, name, cells[0].config.protocol, command, cells), options.only)


def within(budget: float, study: Study, options: TryOptions) -> Study:
    """Return what of a trial fits into some seconds: fewer seeds, and if that does not do, fewer epochs.

    With fewer epochs, the runs of the report are looked at after as many.

    Raises
    ------
    ConfigError
        If not even one epoch fits.
    """
    site, plan = plan_here(study, options, jobs=options.jobs)
    costs = estimate_runs(plan, site.execution, site.data_at_hand).costs
    seeds = sorted({cell.config.seed for cell in study.cells})

    def wall(count: int, seconds: Callable[[CellCost], float]) -> float:
        return makespan([seconds(cost) for cost in costs if cost.config.seed in seeds[:count]], options.jobs)

    fewest = min(FEWEST, len(seeds))
    for count in range(len(seeds), fewest - 1, -1):
        if wall(count, lambda cost: cost.seconds) <= MARGIN * budget:
            return _only(study, seeds[:count])
    one = wall(fewest, lambda cost: cost.speed.epoch)
    ends = wall(fewest, lambda cost: cost.speed.finish)
    epochs = int((MARGIN * budget - ends) / one)
    if epochs < 1:
        raise ConfigError(
            f"one epoch of {fewest} seeds takes about {duration(one + ends)}, and the budget is {duration(budget)}; "
            "give a longer one, or take a part, such as --only time_steps=5 or --only seed=0"
        )
    if any(cell.config.schedule != CONSTANT for cell in study.cells):
        raise ConfigError(
            f"{duration(budget)} are too short for {fewest} seeds, and with a learning rate that falls until the last "
            "epoch fewer epochs do not compare; give a longer budget, or take a part by --only"
        )
    print(f"within {duration(budget)}: {epochs} of {study.cells[0].config.epochs} epochs, and theirs after as many")
    return _only(study, seeds[:fewest], epochs)


def _only(study: Study, seeds: Sequence[int], epochs: int | None = None) -> Study:
    cells = [cell for cell in study.cells if cell.config.seed in seeds]
    if epochs is not None:
        cells = [cell_of(cell.config.model_copy(update={"epochs": epochs})) for cell in cells]
    return replace(study, cells=tuple(cells))


def command_of_the_rest(options: TryOptions, study: Study) -> str:
    """The command, without a budget, that goes on with the seeds and epochs that one has left of a trial."""
    configs = [cell.config for cell in study.cells]
    epochs, seeds = {config.epochs for config in configs}, sorted({config.seed for config in configs})
    changes = [*options.overrides, *(f"epochs={number}" for number in epochs if len(epochs) == 1)]
    choices = [*options.only, f"seed={','.join(map(str, seeds))}"]
    typed = repeated("--set", changes) + repeated("--only", choices)
    return f"{study.command} {shlex.join(typed)}"


def rankings(options: TryOptions, study: Study) -> Sequence[tuple[str, pd.DataFrame]]:
    """A heading and a table for each network and T of a trial."""
    theirs, results = committed(options.against), results_from_runs(options.runs, study.name)
    keys = {cell.config.run_key for cell in study.cells}
    results = results.select(results.runs["run_key"].isin(keys))
    if results.finished.empty:
        raise ConfigError(f"no run of {study.name} came to its end; see its records in {options.runs}")
    column, found = measure_of(results.select(results.runs["status"] == "finished"), theirs), []
    for epochs in sorted({cell.config.epochs for cell in study.cells}):
        mine = values_after(results.select(results.runs["epochs"] == epochs), epochs, column)
        others = values_after(theirs, epochs, column)
        for _, runs in mine.groupby(SETTING, sort=True):
            table = ranking(runs, others)
            found.append((heading(runs, table, epochs, column), table))
    ranked = sum(int(table.loc[table[""] == MARK, "seeds"].iloc[0]) for _, table in found)
    if left_out := len(results.finished) - ranked:
        print(f"{left_out} of {len(results.finished)} runs have no {MEASURES[column]} and are not ranked")
    return found
