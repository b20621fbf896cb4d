"""``tssl tune``: for each method of a study the same number of trials, and the winners on fresh seeds."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from statistics import mean

from benchmarks.cli.commands import study_of, sweep
from benchmarks.cli.main import EXIT_RUN_FAILED
from benchmarks.cli.tune_options import CONFIRMATION, DEFAULT_FOLDER, SEARCH, SHARE, TUNED_FILE, TuneOptions
from benchmarks.config.nested import flatten
from benchmarks.config.run import RunConfig
from benchmarks.datasets.dataset import data_root, get_dataset
from benchmarks.errors import DatasetError
from benchmarks.platform.atomic import make_writable_folder, write_atomically, writing
from benchmarks.study.study import Study, repeated
from benchmarks.study.tuned import Tuned, best_trial
from benchmarks.study.tuning import Trial, base_of_each_method, confirmations, derived_study, trials_of
from benchmarks.sweep.site import load_data
from benchmarks.tracking import Runs

ENDED = ("finished", "diverged", "failed")
ACCURACY = "accuracy_last"


def tune_command(options: TuneOptions) -> int:
    """Search, write what was found, and confirm it."""
    return tune(options)[0]


def tune(options: TuneOptions) -> tuple[int, Path | None]:
    """Search, write what was found, and confirm it; the exit code, and the file of it once all trials have ended.

    All runs have their records and are not run again, so that the same command goes on where it was interrupted. With
    ``--dry-run`` the trials are listed.
    """
    study = study_of(options)
    bases = base_of_each_method(study)
    held_out = options.held_out or share_of(next(iter(bases.values())), options)
    searches = {name: trials_of(base, options.trials, held_out=held_out) for name, base in bases.items()}
    command = study.command.replace("tssl reproduce", "tssl tune", 1) + searching_options(options)
    path = (options.output or DEFAULT_FOLDER / f"{study.name}-{SEARCH}") / TUNED_FILE
    if not options.dry_run:
        with writing(path.parent):
            make_writable_folder(path.parent)
    # Each trial is a kind of run: to measure all of them first would take as long as some of them do.
    options = replace(options, no_estimate=True)
    cells = [trial.cell for trial in chain.from_iterable(searches.values())]
    code = sweep(derived_study(study, SEARCH, cells, command), options)
    if options.dry_run:
        return code, None
    runs = Runs(options.runs)
    tuned = what_was_found(study, searches, runs, command=command, held_out=held_out)
    if tuned is None:
        print(f"study {study.name}-{SEARCH}: not all trials have ended; the same command goes on")
        return EXIT_RUN_FAILED, None
    if not tuned.methods:
        print(f"study {study.name}-{SEARCH}: no trial has a result, so there is nothing to write")
        return EXIT_RUN_FAILED, None
    write_tuned(tuned, path)
    print(f"tuned: {path.resolve()}")
    winners = {
        name: confirmations(bases[name], settings, held_out=held_out, seeds=options.seeds)
        for name, settings in tuned.methods.items()
    }
    confirming = derived_study(study, CONFIRMATION, list(chain.from_iterable(winners.values())), command)
    code = max(code, sweep(confirming, options)) if winners else EXIT_RUN_FAILED
    confirmed = {
        name: [accuracy_of(runs, confirming.name, cell.config) for cell in cells] for name, cells in winners.items()
    }
    tuned = tuned.model_copy(update={"confirmed": confirmed})
    write_tuned(tuned, path)
    for name in tuned.methods:
        print(summary(name, tuned))
    return code, path


def searching_options(options: TuneOptions) -> str:
    """What a search depends on beside its study, for the command that makes it again."""
    typed = repeated("--only", options.only)
    typed += ["--trials", str(options.trials), "--seeds", str(options.seeds)]
    typed += ["--held-out", str(options.held_out)] if options.held_out else []
    return f" {shlex.join(typed)}"


def write_tuned(tuned: Tuned, path: Path) -> None:
    """Write what was found, or was found so far."""
    with writing(path):
        write_atomically(path, tuned.to_toml().encode())


def share_of(base: RunConfig, options: TuneOptions) -> int:
    """How many samples are held out: as many as in the study, or a share of the training set."""
    if base.held_out:
        return base.held_out
    root = data_root(options.data_root)
    if options.dry_run and get_dataset(base.dataset).missing(root):
        raise DatasetError(
            f"{base.dataset} is not here, of which one in {SHARE} samples is held out; "
            f"get it by: tssl data prepare {base.dataset}, or say --held-out N"
        )
    train = load_data(base, root).train
    return max(1, min(len(train), base.train_samples or len(train)) // SHARE)


def what_was_found(
    study: Study, searches: Mapping[str, list[Trial]], runs: Runs, *, command: str, held_out: int
) -> Tuned | None:
    """Choose the best trial of each method; None as long as a trial has not come to an end."""
    name = f"{study.name}-{SEARCH}"
    records = [runs.find(name, trial.cell.config.run_key) for trial in chain.from_iterable(searches.values())]
    if not all(record is not None and record.status in ENDED for record in records):
        return None
    accuracies = {
        method: [accuracy_of(runs, name, trial.cell.config) for trial in trials] for method, trials in searches.items()
    }
    best = {method: best_trial(values) for method, values in accuracies.items()}
    return Tuned(
        study=study.name,
        command=command,
        trials=max(map(len, searches.values())),
        held_out=held_out,
        methods={name: dict(searches[name][trial].settings) for name, trial in best.items() if trial is not None},
        accuracies=accuracies,
    )


def accuracy_of(runs: Runs, study: str, config: RunConfig) -> float:
    """Accuracy of a run after its last epoch; NaN if it has none."""
    record = runs.find(study, config.run_key)
    return record.measures.get(ACCURACY, math.nan) if record is not None and record.status == "finished" else math.nan


def summary(method: str, tuned: Tuned) -> str:
    """Say in a line what was found for a method."""
    words = ", ".join(f"{key} = {value}" for key, value in flatten(tuned.methods[method]))
    accuracies, best = tuned.accuracies[method], best_trial(tuned.accuracies[method])
    confirmed = [accuracy for accuracy in tuned.confirmed[method] if not math.isnan(accuracy)]
    assert best is not None
    tested = f"{mean(confirmed):.2%} on the test set, {len(confirmed)} fresh seeds" if confirmed else "not confirmed"
    return f"{method}: {accuracies[best]:.2%} held out in trial {best + 1} of {len(accuracies)} ({words}); {tested}"
