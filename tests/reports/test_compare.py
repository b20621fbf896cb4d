"""Two studies side by side: equal, noise, or a change; by folder, by study, and by commit."""

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import TrackingError
from benchmarks.tracking import Runs
from reports.cli import main
from reports.compare import Side, comparison, read_side
from reports.load import ReportError
from tests.benchmarks.tracked import STUDY, config_of, log_run
from tests.reports.made import results_of, run_row


def side(name: str, *accuracies: float, **changes: Any) -> Side:
    runs = [run_row(seed=str(seed), accuracy_last=value, **changes) for seed, value in enumerate(accuracies)]
    return Side(name, results_of(*runs).finished)


def words(a: Side, b: Side) -> str:
    """What the comparison says of the only cell in both."""
    rows = [line for line in comparison(a, b).partition("## Cells in both")[2].splitlines() if "| TSSL-BP" in line]
    assert len(rows) == 1
    return rows[0].split("|")[11].strip()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.88, 0.89, 0.90), (0.88, 0.89, 0.90), "equal"),
        ((0.88, 0.89, 0.90, 0.9, 0.9), (0.87, 0.89, 0.91, 0.9, 0.9), "noise"),
        ((0.88, 0.89, 0.90, 0.9, 0.9), (0.89, 0.90, 0.92, 0.91, 0.91), "higher"),
        ((0.88, 0.89, 0.90, 0.9, 0.9), (0.87, 0.88, 0.88, 0.89, 0.89), "lower"),
        ((0.88, 0.89, 0.90, 0.9), (0.80, 0.81, 0.82, 0.8), "open: 5 seeds are needed"),
    ],
)
def test_what_changed_is_told_from_what_the_seeds_do(a: Any, b: Any, expected: str) -> None:
    assert words(side("A", *a), side("B", *b)) == expected


def test_seeds_that_differ_are_compared_by_their_means_and_said_to_be_unpaired() -> None:
    other = side("B", 0.70, 0.71, 0.72)
    other = Side("B", other.runs.assign(seed=[7, 8, 9]))
    text = comparison(side("A", 0.88, 0.89, 0.90), other)
    assert "-18.00" in text
    assert "unpaired" in text


def test_runs_with_target_trains_are_compared_by_their_distances_and_no_accuracy_is_made_up() -> None:
    a, b = (
        Side(name, side(name, *[float("nan")] * 3).runs.assign(van_rossum=distances))
        for name, distances in (("A", [1.0, 2.0, 3.0]), ("B", [1.5, 2.5, 3.5]))
    )
    text = re.sub(" +", " ", comparison(a, b))
    assert "| A distance | B distance | B - A" in text
    assert "| 2 ± 1 | 2.5 ± 1 | +0.50 [+0.50, +0.50] | open: 5 seeds are needed |" in text
    assert "| equal" in comparison(a, Side("B", a.runs))
    assert "nan" not in text
    assert "A %" not in text
    assert "A %" in comparison(*(Side(name, one.runs.assign(accuracy_last=0.9)) for name, one in (("A", a), ("B", b))))


def test_cells_in_which_nothing_was_measured_are_listed_without_a_verdict() -> None:
    empty = side("A", float("nan"), float("nan"), float("nan"))
    assert words(empty, empty) == "-"
    assert "nan" not in comparison(empty, empty)
    assert "nan" not in comparison(empty, side("B", 0.9, epochs="3"))


def test_conditions_that_differ_are_listed_and_times_of_other_machines_are_not_compared() -> None:
    a = side("A", 0.9, commit="aaaa", processor="X", training_seconds=10.0)
    b = side("B", 0.9, commit="bbbb", processor="X", training_seconds=20.0)
    text = comparison(a, b)
    assert "| commit | aaaa | bbbb |" in text.replace("  ", " ")
    assert "2.00x" in text
    assert "processor |" not in text
    assert "2.00x" not in comparison(a, Side("B", b.runs.assign(processor="Y")))


def test_cells_that_are_in_one_alone_are_listed_there_and_other_protocols_do_not_meet() -> None:
    text = comparison(side("A", 0.9), side("B", 0.8, epochs="3"))
    assert "None: no dataset" in text
    assert "## Only in A" in text
    assert "## Only in B" in text


def test_cells_that_differ_in_a_parameter_alone_meet_only_their_like() -> None:
    rows = [
        run_row(cell_key=key, seed=seed, accuracy_last=value)
        for key, seed, value in (("k1", "0", 0.5), ("k2", "1", 0.9))
    ]
    both = Side("A", results_of(*rows).finished)
    text = comparison(both, side("B", 0.9, cell_key="k2"))
    assert "| 90.00 | 90.00 |" in text.replace("  ", " ")
    assert "50.00" not in text


def test_the_command_compares_folders_and_writes_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, accuracy in (("one", 0.8), ("two", 0.9)):
        (tmp_path / name).mkdir()
        results_of(*(run_row(seed=str(seed), accuracy_last=accuracy) for seed in range(3))).write(tmp_path / name)
    paths = [str(tmp_path / name) for name in ("one", "two")]
    assert main(["compare", *paths]) == 0
    printed = capsys.readouterr().out
    assert "+10.00 [+10.00, +10.00]" in printed
    assert main(["compare", *paths, "--output", str(tmp_path / "c.md")]) == 0
    assert (tmp_path / "c.md").read_text() == printed


def test_a_commit_that_no_run_is_of_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no study"):
        read_side("nowhere", tmp_path)
    log_run(Runs(tmp_path), config_of())
    assert len(read_side(STUDY, tmp_path).runs) == len(read_side(f"{STUDY}@comm", tmp_path).runs) == 1
    with pytest.raises(ReportError, match="no run of commit beef; there are runs of commit"):
        read_side(f"{STUDY}@beef", tmp_path)


def test_a_study_without_a_finished_run_has_nothing_to_compare(tmp_path: Path) -> None:
    results_of(run_row(status="failed")).write(tmp_path)
    with pytest.raises(ReportError, match="no finished run"):
        read_side(str(tmp_path), tmp_path)


def test_a_place_that_cannot_be_written_is_named_and_no_run_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results_of(run_row()).write(tmp_path)
    (tmp_path / "file").write_text("in the way")
    place = str(tmp_path / "file" / "report")
    for arguments in (["compare", str(tmp_path), str(tmp_path)], ["report", "made", "--from-csv", str(tmp_path)]):
        assert main([*arguments, "--output", place]) == 2
        error = capsys.readouterr().err
        assert f"cannot write {place}" in error
        assert "no run is lost" in error
