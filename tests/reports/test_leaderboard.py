"""The leaderboard is a pure function of studies: which runs count, in which study, in which order."""

import math
from collections.abc import Iterable
from statistics import fmean, stdev

import pandas as pd
import pytest

from reports.documents import RENDERED, committed
from reports.leaderboard import Entry, leaderboard
from reports.load import EPOCHS_FILE, RUNS_FILE, Results
from tests.reports.made import results_of, run_row


def seeds(*accuracies: float, **changes: object) -> list[dict[str, object]]:
    """Runs of one cell whose best epochs had these accuracies."""
    key = str(sorted(changes.items()))
    made = [
        run_row(seed=str(seed), accuracy_best=best, cell_key=key, evaluate_on="test", command="tssl reproduce made")
        for seed, best in enumerate(accuracies)
    ]
    return [{**run, **changes, "run_key": f"{seed} of {key}"} for seed, run in enumerate(made)]


def made(*cells: Iterable[dict[str, object]]) -> Results:
    return results_of(*(run for cell in cells for run in cell))


def test_an_entry_has_means_and_deviations_over_seeds_and_what_they_are_sorted_by() -> None:
    results = made(seeds(0.90, 0.92, 0.91, energy_nj=1500.0, silent_fraction=0.875))
    (entry,) = leaderboard({"made": results})
    assert entry.best.text == "91.00 ± 1.00"
    assert entry.best.value == pytest.approx(91.0)
    last = 100 * results.epochs.groupby("run_key")["test_accuracy"].last().mean()
    assert entry.late.text == f"{last:.2f} ± 0.00"
    assert entry.late.value == pytest.approx(last)
    assert (entry.silent.text, entry.silent.value) == ("87.5%", 87.5)
    assert (entry.energy.text, entry.energy.value) == ("1,500", 1500.0)
    assert [run.best for run in entry.runs] == ["90.00", "92.00", "91.00"]
    assert [run.seed for run in entry.runs] == [0, 1, 2]
    assert entry.commands == ("tssl reproduce made",)


def test_what_was_not_measured_is_no_number() -> None:
    (entry,) = leaderboard({"made": made(seeds(0.9, silent_fraction=None, method="ann"))})
    assert {(number.text, number.value) for number in (entry.silent, entry.energy, entry.time_steps)} == {("-", None)}


def test_runs_on_held_out_samples_unfinished_ones_and_those_without_accuracy_are_left_out() -> None:
    cells = (
        seeds(0.9),
        seeds(0.9, evaluate_on="held_out"),
        seeds(0.9, status="failed", method="stbp"),
        seeds(math.nan, method="slayer"),
    )
    assert [entry.method for entry in leaderboard({"made": made(*cells)})] == ["TSSL-BP"]


def test_a_run_of_two_studies_counts_once_and_its_cell_stands_in_the_study_that_has_most_of_it() -> None:
    runs = seeds(0.90, 0.92, 0.91)
    studies = {"part": made(runs[:1]), "whole": made(runs), "again": made(runs)}
    (entry,) = leaderboard(studies)
    assert (entry.study, len(entry.runs)) == ("whole", 3)


def test_entries_of_one_dataset_network_and_steps_stand_together_the_most_accurate_first() -> None:
    cells = (
        seeds(0.5, method="stbp"),
        seeds(0.7, method="slayer"),
        seeds(0.9, time_steps="10"),
        seeds(0.8, architecture="800"),
        seeds(0.6),
    )
    entries = leaderboard({"made": made(*cells)})
    assert [(entry.network, entry.time_steps.text, entry.best.text) for entry in entries] == [
        ("400-400", "5", "70.00"),
        ("400-400", "5", "60.00"),
        ("400-400", "5", "50.00"),
        ("400-400", "10", "90.00"),
        ("800", "5", "80.00"),
    ]


def test_fewer_samples_are_told() -> None:
    (entry,) = leaderboard({"made": made(seeds(0.9, train_samples=8000, test_samples=1000, epochs="5"))})
    assert entry.training == "5 epochs, 8,000 samples, tested on 1,000"


@pytest.fixture(scope="module")
def board() -> list[Entry]:
    return leaderboard(committed())


def test_every_committed_entry_has_its_own_address_and_a_command(board: list[Entry]) -> None:
    assert len({(entry.study, entry.key) for entry in board}) == len(board) > 50
    for entry in board:
        assert not set(entry.key) & set(" #?%\"'<>")
        assert entry.commands
        assert all(command.startswith("tssl ") for command in entry.commands)


def read_all(name: str) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path, dtype={"run_key": str}) for path in sorted(RENDERED.glob(f"*/{name}"))])


def test_committed_entries_are_what_the_files_say(board: list[Entry]) -> None:
    best = read_all(RUNS_FILE).groupby("run_key")["accuracy_best"].first()
    known = read_all(EPOCHS_FILE).drop_duplicates(["run_key", "epoch"]).dropna(subset="test_accuracy")
    late = {
        key: fmean(rows["test_accuracy"].tolist()[-max(1, min(10, len(rows) // 10)) :])
        for key, rows in known.groupby("run_key")
    }
    for entry in board:
        for source, number in ((best, entry.best), (late, entry.late)):
            values = [100 * source[run.key] for run in entry.runs if run.key in source]
            spread = f" ± {round(stdev(values), 9):.2f}" if len(values) > 1 else ""
            assert number.text == (f"{round(fmean(values), 9):.2f}{spread}" if values else "-")
