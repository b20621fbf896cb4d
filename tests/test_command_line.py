"""What is typed, before anything runs: help at once, mistakes in two lines, and a list of all that there is."""

import argparse
import inspect
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from baselines.method import available_methods
from benchmarks.cli import parser as training
from benchmarks.cli.main import make_parser
from benchmarks.cli.options import TrainingOptions, add_training_options, read_options
from benchmarks.config.execution import Execution
from benchmarks.datasets.dataset import available_datasets
from benchmarks.metrics.metric import column_names
from benchmarks.study.file import study_files
from benchmarks.tracking import Runs
from reports import cli
from reports.cli import main

ROOT = Path(__file__).parents[1]
WHOLE = ["--set", "dataset=digits", "--set", "architecture=100", "--set", "epochs=3"]
SLOW = {"torch", "mlflow", "pandas", "numpy", "matplotlib", "pydantic"}


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command of a command line, actions of commands included."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from commands(command)
    if parser.get_default("command"):
        yield parser


ALL = list(commands(make_parser((training.add_commands, cli.add_commands))))


def modules_after(*arguments: str) -> set[str]:
    program = (
        "import sys; from reports.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('modules:', *sys.modules)"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("modules:")[1].split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["reproduce", "--help"], ["--version"], ["run", "--jobs"], ["run", "--set", "epochs"]]
)
def test_help_and_mistyped_options_import_nothing_slow(arguments: list[str]) -> None:
    assert modules_after(*arguments) & SLOW == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["sweep", "nonsense"],
        ["reproduce", "digits", "--set", "epochs"],
        ["reproduce", "digits", "--set", "run.epoch=3"],
        ["sweep", "digits", "--set", "grid.seeds=[3]"],
        ["sweep", "digits", "--set", "methods.stbp.optimizer.rate=1"],
        ["run", "--set", "epoch=3"],
        ["run", "--set", "dataset=digits"],
        ["try", "mine.py", "--against", "digits", "--set", "epochs=many"],
    ],
)
def test_unknown_studies_and_settings_are_refused_without_torch(arguments: list[str]) -> None:
    assert "torch" not in modules_after(*arguments)


@pytest.mark.parametrize("parser", ALL, ids=lambda parser: parser.prog)
def test_every_command_has_a_function_of_its_options(parser: argparse.ArgumentParser) -> None:
    function = pkgutil.resolve_name(parser.get_default("command"))
    (parameter,) = inspect.signature(function).parameters.values()
    assert issubclass(parser.get_default("options"), parameter.annotation)


def test_what_is_not_typed_is_as_in_an_execution() -> None:
    parser = argparse.ArgumentParser()
    add_training_options(parser, example="epochs=3")
    parsed = parser.parse_args(["--checkpoints", "off"])
    assert read_options(TrainingOptions, parsed).execution() == Execution()
    parsed = parser.parse_args(["--runs", "elsewhere"])
    assert read_options(TrainingOptions, parsed).execution() == Execution(checkpoints=Path("elsewhere"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["tssl: error: the following arguments are required: command", "what there is: tssl --help"]),
        (["run", "--jobs"], ["tssl run: error: unrecognized arguments: --jobs", "what there is: tssl run --help"]),
        (
            ["sweep"],
            ["tssl sweep: error: the following arguments are required: study", "what there is: tssl sweep --help"],
        ),
        (
            ["run", "--threads", "99999"],
            [
                f"tssl run: error: argument --threads: 99999 is more than 512; this machine has {os.cpu_count()} cores",
                "what there is: tssl run --help",
            ],
        ),
    ],
)
def test_a_mistyped_option_is_refused_in_two_lines(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.splitlines() == expected


def test_the_help_of_run_shows_settings_that_run_takes(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["run", "--help"])
    words = capsys.readouterr().out.split("example: tssl run")[1].split()
    few = ["--set", "train_samples=20", "--set", "test_samples=20", "--device", "cpu", "--tracking-uri", "off"]
    assert main(["run", *words, *few]) == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sweep", "digits", "--set", "grid.seed=[0, 1, 0]"], "grid.seed of "),
        (["sweep", "digits", "--only", "seed=0,0"], "'seed=0,0' names a value twice"),
        (
            ["run", *WHOLE, "--set", "method=ann", "--set", "parameters.lr=1"],
            "expected one of initial_conv_scale",
        ),
    ],
)
def test_what_is_repeated_or_unknown_is_refused(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(arguments) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--output", "--runs", "--checkpoints"])
def test_a_place_that_cannot_be_written_is_refused_before_the_first_run(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    typed = ["--profile", "smoke", "--device", "cpu", "--tracking-uri", "off", option, str(tmp_path / "file" / "there")]
    assert main(["reproduce", "digits", *typed]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
    assert Runs().studies() == []


def test_all_that_there_is_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert listed == {*study_files(), *available_methods(), *available_datasets(), *column_names()}
    assert main(["list", "datasets"]) == 0
    assert "tssl_bp" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", ["study digits: ", " runs of 1 epochs", "dataset digits: ", "1 x 8 x 8, images"]),
        ("tssl_bp", ["lif.tau_m ", "tssl_bp:single-filter  filter_passes=1"]),
        ("slayer:nmnist", ["method slayer:nmnist: SLAYER."]),
        ("silent_fraction", ["metric silent_fraction [fraction]: pairs of a test sample"]),
        ("sequences", ["study sequences: "]),
    ],
)
def test_a_name_shows_all_that_has_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, expected: list[str]
) -> None:
    assert main(["show", name, "--runs", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for words in expected:
        assert " ".join(words.split()) in printed


def test_the_newest_results_of_a_name_are_shown(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["dataset=digits", "architecture=12", "epochs=1", "train_samples=50", "test_samples=20"]
    typed = [part for text in sets for part in ("--set", text)]
    for method in ("ann", "stbp"):
        run = [
            "run",
            *typed,
            "--set",
            f"method={method}",
            "--device",
            "cpu",
            "--tracking-uri",
            "off",
            "--study",
            "my_own",
        ]
        assert main(run) == 0
    capsys.readouterr()
    for name, expected in (("stbp", ["stbp"]), ("digits", ["stbp", "ann"]), ("accuracy_last", ["stbp", "ann"])):
        assert main(["show", name]) == 0
        found = [line for line in capsys.readouterr().out.splitlines() if "my_own:" in line]
        assert [line.split("my_own: ")[1].split()[0] for line in found] == expected, "the newest first"
        assert all("accuracy_last 0." in line for line in found)


def test_a_name_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "nothing"]) == 2
    assert (
        capsys.readouterr().err
        == "tssl: error: there is nothing called 'nothing'; `tssl list` names all that there is\n"
    )
