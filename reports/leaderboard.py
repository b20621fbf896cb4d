"""The leaderboard: every cell of some studies that was judged on test data, once, with its runs and commands."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from baselines.method import is_spiking
from reports.cells import mean_and_std, percent
from reports.commands import merge_commands
from reports.load import LATE, Results
from reports.settings import BEST
from reports.tables.cells import NOTHING, SILENT, cells_of
from reports.titles import dataset_title, is_original


@dataclass(frozen=True)
class Number:
    """A number as it is read, and as it is sorted.

    Parameters
    ----------
    text : str
        Ready to print.
    value : float, optional
        In the unit that is printed; None if nothing is known.
    """

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Run:
    """One run of an entry; accuracies in percent.

    Parameters
    ----------
    seed : int
        Of the run.
    key : str
        Of its configuration.
    commit : str
        State of the code.
    machine : str
        Processor or GPU.
    late, best, silent, energy : str
        As in `Entry`.
    """

    seed: int
    key: str
    commit: str
    machine: str
    late: str
    best: str
    silent: str
    energy: str


@dataclass(frozen=True)
class Entry:
    """A row of the leaderboard: runs that differ in nothing but the seed.

    Parameters
    ----------
    study : str
        The committed study that has most of the runs.
    key : str
        Tells the entry apart from the others of its study, in letters that an address may have.
    dataset, network, method, settings, training : str
        What was run; settings are those that tell it apart from entries that are else the same.
    time_steps : Number
        T; nothing for a method that does not spike.
    late, best : Number
        Accuracy in percent over the last ten epochs (see `LATE`) and of the best epoch, mean and standard deviation.
    silent : Number
        Fraction of pairs of sample and hidden neuron without a spike, mean.
    energy : Number
        Of the arithmetic of an inference in nJ, mean.
    runs : tuple of Run
        By seed.
    commands : tuple of str
        What makes the runs again.
    """

    study: str
    key: str
    dataset: str
    network: str
    method: str
    settings: str
    training: str
    time_steps: Number
    late: Number
    best: Number
    silent: Number
    energy: Number
    runs: tuple[Run, ...]
    commands: tuple[str, ...]


def leaderboard(studies: Mapping[str, Results]) -> list[Entry]:
    """Make the entries of some studies, those of one dataset, network and T together, the most accurate first.

    Runs that were judged by held-out samples or have no accuracy are left out; a run of several studies counts once.

    Parameters
    ----------
    studies : mapping of str to Results
        By name; of a cell whose runs are in several of them equally often, the first has it.
    """
    finished = {name: results.finished for name, results in studies.items()}
    runs = pd.concat([table.assign(study=name) for name, table in finished.items()])
    runs = runs[(runs["evaluate_on"] == "test") & runs[BEST].notna()]
    homes = runs.groupby("cell_key")["study"].agg(lambda names: Counter(names).most_common(1)[0][0])
    runs = runs.drop_duplicates("run_key")
    runs = runs.assign(study=runs["cell_key"].map(homes))
    return sorted((_entry(about, cell) for about, cell in cells_of(runs)), key=_order)


def _entry(about: Mapping[str, object], cell: pd.DataFrame) -> Entry:
    first = cell.iloc[0]
    copy = "" if is_original(first) else " (copy)"
    steps = int(first["time_steps"])
    return Entry(
        study=first["study"],
        key=str(first["cell_key"]).replace(" ", "_"),
        dataset=f"{dataset_title(first['dataset'])}{copy}",
        network=str(about["network"]),
        method=str(about["method"]),
        settings=str(about["settings"]).removeprefix(NOTHING),
        training=_training(first),
        time_steps=Number(str(steps), steps) if is_spiking(first["method"]) else Number(NOTHING),
        late=_accuracy(cell[LATE]),
        best=_accuracy(cell[BEST]),
        silent=_silent(cell["silent_fraction"]),
        energy=_energy(cell["energy_nj"]),
        runs=tuple(_run(cell.loc[[row]]) for row in cell.sort_values(["seed", "run_key"]).index),
        commands=tuple(merge_commands(cell["command"].dropna())),
    )


def _order(entry: Entry) -> tuple[str, str, float, float, float, str]:
    late, best = (-1.0 if number.value is None else number.value for number in (entry.late, entry.best))
    return entry.dataset, entry.network, entry.time_steps.value or 0, -late, -best, entry.method


def _training(first: pd.Series) -> str:
    epochs = int(first["epochs"])
    parts = [f"{epochs} epoch{'s' if epochs > 1 else ''}"]
    if pd.notna(first["train_samples"]):
        parts.append(f"{first['train_samples']:,} samples")
    if pd.notna(first["test_samples"]):
        parts.append(f"tested on {first['test_samples']:,}")
    return ", ".join(parts)


def _run(row: pd.DataFrame) -> Run:
    run = row.iloc[0]
    return Run(
        seed=int(run["seed"]),
        key=str(run["run_key"]),
        commit=str(run["commit"])[:12],
        machine=str(run["processor"] if run["device"] == "cpu" else run["device"]),
        late=_accuracy(row[LATE]).text,
        best=_accuracy(row[BEST]).text,
        silent=_silent(row["silent_fraction"]).text,
        energy=_energy(row["energy_nj"]).text,
    )


def _accuracy(values: pd.Series) -> Number:
    return Number(NOTHING) if values.isna().all() else Number(percent(values), mean_and_std(100 * values)[0])


def _silent(values: pd.Series) -> Number:
    mean, _ = mean_and_std(values)
    return Number(NOTHING) if pd.isna(mean) else Number(SILENT(mean), 100 * mean)


def _energy(values: pd.Series) -> Number:
    mean, _ = mean_and_std(values)
    return Number(NOTHING) if pd.isna(mean) else Number(f"{mean:,.0f}", mean)
