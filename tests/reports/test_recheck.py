"""The first epochs of a report's runs, once more."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from benchmarks.config.execution import Execution
from benchmarks.results import EpochResult
from benchmarks.training.training import Training
from reports.cli import main
from reports.documents import RENDERED
from reports.load import Results, results_from_csv, results_from_runs
from reports.manifest import MANIFEST_FILE
from reports.recheck import Agreement, recheck
from tests.benchmarks.numbers import SWEEP, write_study


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What a sweep measures; a report's files, but for figures, are written from it."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("made"))
        write_study()
        assert main([*SWEEP, "--tracking-uri", "off", "--threads", "1"]) == 0
        results = results_from_runs(Path("runs"), "tiny")
    torch.set_num_threads(threads)
    return results


@pytest.fixture
def report(made: Results) -> Path:
    write_study()
    folder = Path("report")
    folder.mkdir()
    made.write(folder)
    return folder


def change(file: str, column: str, of: Callable[[Any], Any]) -> None:
    """Make a column of all rows of a file of the report another."""
    path = Path("report") / file
    table = pd.read_csv(path, dtype={"run_key": str})
    table[column] = table[column].map(of)
    table.to_csv(path, index=False)
    path.with_name(MANIFEST_FILE).unlink(missing_ok=True)


def test_each_run_comes_out_as_it_did(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["recheck", str(report), "--epochs", "2"]) == 0
    first, *runs, tally = capsys.readouterr().out.splitlines()
    assert first == "report: 4 of 4 runs have epochs on a device like cpu"
    assert [line.split()[0] for line in runs] == ["equal"] * 4
    assert all("epoch 2: train_loss " in line for line in runs)
    assert tally == "4 equal, 0 changed, 0 elsewhere, 0 unmade"


def test_no_more_epochs_are_trained_than_asked_for(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    run_epoch = Training._run_epoch

    def counted(training: Training, epoch: int, *others: Any) -> EpochResult:
        trained.append(epoch)
        return run_epoch(training, epoch, *others)

    monkeypatch.setattr(Training, "_run_epoch", counted)
    assert main(["recheck", str(report), "--epochs", "2", "--limit", "1"]) == 0
    assert trained == [1, 2]
    assert main(["recheck", str(report), "--epochs", "9", "--limit", "1"]) == 0
    assert trained == [1, 2, 1, 2, 3]


def test_a_number_that_comes_out_otherwise_under_equal_circumstances_speaks_against_the_code(
    report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("epochs.csv", "train_loss", lambda loss: loss * (1 + 1e-9))
    assert main(["recheck", str(report), "--only", "method=ann", "--only", "seed=1"]) == 1
    *_, run, tally = capsys.readouterr().out.splitlines()
    assert run.startswith("changed ")
    assert ": epoch 1: train_loss " in run
    assert "accuracy" not in run
    assert tally == "0 equal, 1 changed, 0 elsewhere, 0 unmade"


def test_it_does_not_where_the_processor_is_another(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change("epochs.csv", "test_accuracy", lambda accuracy: accuracy + 0.1)
    change("results.csv", "processor", lambda _: "Abacus")
    assert main(["recheck", str(report), "--limit", "1"]) == 0
    *_, run, tally = capsys.readouterr().out.splitlines()
    assert run.startswith("elsewhere ")
    assert run.endswith(", was Abacus")
    assert tally == "0 equal, 0 changed, 1 elsewhere, 0 unmade"


def test_what_a_study_has_otherwise_now_is_no_hindrance(report: Path) -> None:
    Path("tiny.toml").unlink()
    assert main(["recheck", str(report), "--limit", "1"]) == 0


def with_other_weight_decay(config: str) -> str:
    return config.replace('"weight_decay": 0.01', '"weight_decay": 0.02')


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda _: None, "its configuration is not known"),
        (with_other_weight_decay, "a default is not what it was"),
        (lambda config: config.replace('"method": "', '"method": "x'), "unknown method"),
    ],
)
def test_a_run_that_there_is_no_more_is_said_with_the_reason(
    changed: Callable[[str], str | None], why: str, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("results.csv", "config", changed)
    assert main(["recheck", str(report), "--limit", "1"]) == 1
    *_, run, tally = capsys.readouterr().out.splitlines()
    assert run.startswith("unmade ")
    assert why in run
    assert tally == "0 equal, 0 changed, 0 elsewhere, 1 unmade"


def test_runs_of_another_kind_of_device_are_left_out(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change("results.csv", "device", lambda _: "NVIDIA H100")
    assert main(["recheck", str(report)]) == 0
    assert "0 of 4 runs have epochs on a device like cpu" in capsys.readouterr().out


def test_the_committed_digits_come_out_again() -> None:
    """To the bit where processor, threads and versions are those of the report, else as near as they may."""
    results = results_from_csv(RENDERED / "digits", "digits")
    first = results.select((results.runs["seed"] == 0) & results.runs["time_steps"].isin([1, 5]))
    found = list(recheck(first, Execution()))
    assert len(found) == len(first.runs) > 6
    assert {run.line() for run in found if run.agreement in (Agreement.CHANGED, Agreement.UNMADE)} == set()
