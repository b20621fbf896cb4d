"""The command line as a user meets it: exit codes, one-line errors, no traceback, no half-written run left finished."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.datasets.mnist import MNIST
from benchmarks.tracking import MlflowTracker
from reports.cli import main

SMOKE = ["--profile", "smoke", "--device", "cpu"]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("tssl: error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.out + captured.err
    return captured.err


def test_reproduce_prints_the_path_of_its_report(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "digits", *SMOKE, "--tracking-uri", store]) == 0
    printed = capsys.readouterr().out
    report = Path(printed.strip().splitlines()[-1].removeprefix("report: "))
    assert report == Path("results/digits/report.md").resolve()
    assert "TSSL-BP" in report.read_text()
    assert "Made by `tssl reproduce digits --profile smoke`." in report.read_text()
    report.unlink()
    assert main(["report", "digits", "--tracking-uri", store]) == 0
    assert report.is_file()


def test_run_trains_one_configuration_from_the_command_line(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["dataset=digits", "method=ann", "architecture=12", "epochs=1", "train_samples=50"]
    arguments = [part for text in sets for part in ("--set", text)]
    assert main(["run", *arguments, "--device", "cpu", "--tracking-uri", store, "--study", "mine"]) == 0
    assert "1 finished" in capsys.readouterr().out
    assert [row["method"] for row in MlflowTracker(store).rows("mine")[0]] == ["ann"]


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
        (["reproduce", "digits", "--tracking-uri", "off"], "a report needs the logged runs"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert expected in refusal(capsys, *arguments)
    assert MlflowTracker(store).done_keys("digits") == set()


def test_a_missing_dataset_is_refused_in_one_line(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MNIST.torchvision_class, "mirrors", ["http://127.0.0.1:9/"])
    message = refusal(capsys, "sweep", "mnist", *SMOKE, "--data-root", str(tmp_path), "--tracking-uri", store)
    assert "Ways to get it" in message
    assert MlflowTracker(store).client.get_experiment_by_name("mnist") is None


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


def test_the_plain_command_trains_without_mlflow(tmp_path: Path) -> None:
    # MLflow is made impossible to import, as on a machine that lacks it.
    (tmp_path / "mlflow.py").write_text("raise ImportError('no MLflow here')")
    program = "import sys; sys.path.insert(0, '.'); from benchmarks.cli import main; sys.exit(main())"

    def sweep(uri: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, "sweep", "digits", *SMOKE, "--tracking-uri", uri]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    off = sweep("off")
    assert off.returncode == 0, off.stderr
    assert "finished" in off.stdout
    on = sweep("sqlite:///x.db")
    assert on.returncode == 2
    assert on.stderr.startswith("tssl: error: MLflow is not installed")
