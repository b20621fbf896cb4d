"""Parts of a study, chosen from the command line."""

from pathlib import Path

import pytest

from benchmarks.cli.main import main
from benchmarks.errors import ConfigError
from benchmarks.study.selection import select_cells
from benchmarks.study.study import load_study


def kept(*conditions: str) -> list[tuple[str, int, int]]:
    study = select_cells(load_study("digits", profile="quick"), conditions)
    return [(cell.config.method, cell.config.time_steps, cell.config.seed) for cell in study.cells]


def test_conditions_must_all_hold_and_of_their_values_one() -> None:
    assert kept("method=stbp,slayer", "seed=0", "time_steps=5") == [("stbp", 5, 0), ("slayer", 5, 0)]
    assert len(kept()) == 78


def test_a_method_stands_for_its_presets_and_a_preset_for_itself() -> None:
    assert {method for method, _, _ in kept("method=tssl_bp")} == {"tssl_bp", "tssl_bp:single-filter"}
    assert {method for method, _, _ in kept("method=tssl_bp:single-filter")} == {"tssl_bp:single-filter"}


def test_numbers_are_compared_as_numbers_and_keys_may_be_nested() -> None:
    assert len(kept("optimizer.learning_rate=2e-3")) == len(kept("optimizer.learning_rate=0.002")) == 78


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["method"], "cannot read 'method'; expected KEY=VALUE"),
        (["metod=stbp"], "unknown key 'metod'; the runs of study digits have dataset, method, architecture"),
        (["method=stpb"], "no run of study digits has method=stpb; there are tssl_bp, tssl_bp:single-filter, stbp"),
        (["seed=0,7"], "no run of study digits has seed=7; there are 0, 1, 2"),
        (["method=ann", "time_steps=5"], "no run of study digits has all of method=ann, time_steps=5"),
    ],
)
def test_what_matches_nothing_is_refused_with_what_there_is(conditions: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        kept(*conditions)
    assert str(raised.value).startswith(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--address", "auto"], "--address is for --executor ray"),
        (["--gpus-per-run", "0.5"], "--gpus-per-run is for --executor ray"),
        (["--executor", "ray", "--jobs", "2"], "--jobs is for this machine alone"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "digits", "--device", "cpu", "--tracking-uri", "off", *options]) == 2
    assert expected in capsys.readouterr().err
