"""A stranger's way: a method and a dataset of one's own, in files or packages of one's own, and the method's rank."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import baselines.method
import benchmarks.datasets.dataset
from baselines.method import is_spiking
from benchmarks.cli import commands
from benchmarks.config.run import RunConfig
from benchmarks.platform.interruption import TimeLimitError
from benchmarks.study.study import Study
from benchmarks.sweep.estimate import CellCost, Estimate, Speed
from benchmarks.tracking import Runs
from reports import trying
from reports.cli import main
from reports.load import ReportError, Results, committed_folders, results_from_runs
from reports.ranking import MARK, committed, measure_of, protocol_of, ranking, values_after
from reports.statistics import mean_difference
from reports.tables.cells import NOTHING
from tests.reports.made import results_of, run_row

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "adding.md").read_text(encoding="utf-8"), re.DOTALL)
TRY = ["--against", "digits", "--device", "cpu"]


def example(words: str) -> str:
    (found,) = (str(text) for text in EXAMPLES if words in text)
    return found


@pytest.fixture
def method_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The method of docs/adding.md in a file, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my_method.py"
    path.write_text(example("class MyMethod(Method)"))
    return path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("tssl: error: ")
    assert error.count("\n") == 1
    return error


def test_my_method_gets_its_rank_among_runs_that_do_not_run_again(
    method_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = method_file.with_name("rows.csv")
    few = ["--only", "time_steps=2", "--set", "epochs=2", "--output", str(rows)]
    assert main(["try", str(method_file), *TRY, *few]) == 0
    printed = capsys.readouterr().out
    (study,) = Runs().studies()
    records = Runs().records(study)
    assert [record.config["method"] for record in records] == ["my_method"] * 3, "one for each seed of the report"
    assert sorted(record.config["seed"] for record in records) == [0, 1, 2]
    assert {(record.config["batch_size"], record.config["optimizer"]["learning_rate"]) for record in records} == {
        (32, 2e-3)
    }
    table = pd.read_csv(rows)
    finished = committed("digits").finished
    beside = finished[(finished["time_steps"] == 2) | ~finished["method"].map(is_spiking)]
    rows_in_all = 1 + beside["method"].nunique()
    assert len(table) == rows_in_all, "one more than the methods of the report"
    (mine,) = table[table["method"] == "My method"].to_dict("records")
    accuracies = [100 * (record.history[-1].test_accuracy or 0.0) for record in records]
    assert mine["mean ± sd %"].startswith(f"{sum(accuracies) / 3:.2f}")
    interval = mean_difference(accuracies)
    assert mine["95% interval"] == f"{interval.low:.2f} to {interval.high:.2f}"
    assert f"T = 2: rank {mine['rank']} of {rows_in_all}, My method (accuracy, after epoch 2)" in printed
    others = committed("digits")
    stbp = others.runs[(others.runs["method"] == "stbp") & (others.runs["time_steps"] == 2)]
    second = others.epochs[(others.epochs["epoch"] == 2) & others.epochs["run_key"].isin(stbp["run_key"])]
    (theirs,) = table[table["method"] == "STBP"].to_dict("records")
    assert theirs["mean ± sd %"].startswith(f"{100 * second['test_accuracy'].mean():.2f}"), "after as many epochs"


def test_a_changed_file_is_a_method_of_its_own_and_the_same_one_is_not_trained_again(method_file: Path) -> None:
    typed = ["try", str(method_file), *TRY, "--only", "time_steps=2", "--only", "seed=0", "--set", "epochs=1"]
    assert main([*typed, "--jobs", "2"]) == 0, "a worker has it, too"
    (first,) = Runs().studies()
    (record,) = Runs().records(first)
    assert main(typed) == 0
    assert Runs().records(first) == [record]
    method_file.write_text(method_file.read_text() + "\n# changed\n")
    assert main(typed) == 0
    assert len(Runs().studies()) == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x = 1 +\n", "SyntaxError: invalid syntax (my_method.py, line 1) (line 1)"),
        ("\n\nimport no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library' (line 3)"),
        ("x = 1\n", "defines 0 methods (none); expected one class with Method as its base"),
    ],
)
def test_a_file_that_is_no_method_is_refused_in_one_line(
    method_file: Path, capsys: pytest.CaptureFixture[str], content: str, expected: str
) -> None:
    method_file.write_text(content)
    assert expected in refusal(capsys, "try", str(method_file), *TRY)


def test_a_method_with_the_name_of_another_is_refused(method_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    method_file.write_text(method_file.read_text().replace('"my_method"', '"stbp"'))
    assert "two plug-ins are called 'stbp'" in refusal(capsys, "try", str(method_file), *TRY)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nothing.py", "--against", "digits"], "there is no plug-in nothing.py"),
        (["nothing", "--against", "digits"], "unknown method 'nothing'"),
        (["stbp", "--against", "nothing"], "no committed report 'nothing'; expected the folder of a report, or one of"),
        (["stbp", "--against", "digits", "--only", "time_steps=7"], "no run of study try_stbp has time_steps=7"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_one_line(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert expected in refusal(capsys, "try", *arguments)


def test_a_dataset_of_ones_own_can_be_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_dataset.py").write_text(example("class Stripes(Dataset)"))
    sets = ["dataset=stripes", "method=ann", "architecture=20", "epochs=5", "optimizer.learning_rate=1e-2"]
    typed = [part for text in sets for part in ("--set", text)]
    assert main(["run", "--plugin", "my_dataset.py", *typed, "--device", "cpu", "--tracking-uri", "off"]) == 0
    (record,) = Runs().records("runs")
    assert record.measures["accuracy_last"] == 1.0
    assert refused_afterwards(typed)


@pytest.mark.parametrize(
    ("line", "instead", "expected"),
    [
        ("return Data(", "return None and Data(", "load of stripes returned None; expected train, test and source"),
        (
            "(1, 8, 8), 2",
            "(1, 9, 9), 2",
            "training samples of stripes are (1, 8, 8); its input_shape says",
        ),
        (
            "torch.arange(400) % 2",
            "1 + torch.arange(400) % 2",
            "training labels of stripes are 1 to 2; expected 0 to 1",
        ),
        (
            "torch.arange(400) % 2",
            "torch.arange(400) % 2 - 1",
            "training labels of stripes are -1 to 0; expected 0 to 1",
        ),
    ],
)
def test_a_dataset_that_is_not_what_it_says_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    instead: str,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = example("class Stripes(Dataset)")
    assert line in text
    (tmp_path / "my_dataset.py").write_text(text.replace(line, instead))
    typed = [
        part for text in ("dataset=stripes", "method=ann", "architecture=20", "epochs=1") for part in ("--set", text)
    ]
    assert expected in refusal(capsys, "run", "--plugin", "my_dataset.py", *typed, "--tracking-uri", "off")


def test_a_report_with_my_method_can_be_checked_again(method_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = "grid.method=['my_method']", "grid.seed=[0]", "grid.time_steps=[2]"
    typed = [part for text in settings for part in ("--set", text)]
    sweep = ["sweep", "digits", "--profile", "smoke", "--device", "cpu", "--tracking-uri", "off", "--no-estimate"]
    assert main([*sweep, "--plugin", method_file.name, *typed]) == 0
    folder = Path("report")
    folder.mkdir()
    results_from_runs(Path("runs"), "digits").write(folder)
    assert main(["recheck", "report"]) == 1
    assert "unknown method 'my_method'" in capsys.readouterr().out
    assert main(["recheck", "report", "--plugin", method_file.name]) == 0
    assert "1 equal" in capsys.readouterr().out


def refused_afterwards(typed: list[str]) -> bool:
    """Whether what a command was told of is unknown to the next."""
    return main(["run", *typed, "--tracking-uri", "off"]) == 2


@pytest.fixture
def looked_for_anew() -> Iterator[None]:
    """Behave like a process that has not looked for methods and datasets yet."""
    caches = (baselines.method._found, benchmarks.datasets.dataset._found)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("looked_for_anew")
def test_an_installed_package_offers_methods_datasets_and_studies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "site" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "plugins.py").write_text(example("class MyMethod(Method)") + "\n\n" + example("class Stripes(Dataset)"))
    (package / "my_study.toml").write_text(
        'name = "my_study"\ntitle = "Mine"\n[run]\ndataset = "stripes"\narchitecture = "10"\nepochs = 1\n'
        '[grid]\nmethod = ["my_method"]\n'
    )
    info = tmp_path / "site" / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tssl_bp_suite.plugins]\nanything = my_package.plugins\n[tssl_bp_suite.studies]\nmy_study = my_package\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    for line in ("my_study ", "my_method ", "stripes "):
        assert re.search(rf"^  {line}", listed, re.MULTILINE)
    in_a_worker = ["--jobs", "2", "--device", "cpu", "--tracking-uri", "off", "--no-estimate"]
    assert main(["sweep", "my_study", *in_a_worker]) == 0
    assert "study my_study: 1 finished" in capsys.readouterr().out


def test_the_protocol_is_what_the_runs_of_a_report_have_in_common() -> None:
    runs = protocol_of(committed("fashion_mnist_mlp"), spiking=True)
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    assert {run["optimizer"]["learning_rate"] for run in runs} == {5e-4}, (
        "STBP and BPTT have a learning rate of their own"
    )
    assert {(run["time_steps"], run["epochs"], run["architecture"]) for run in runs} == {(5, 100, "400-400")}
    assert all("method" not in run and "parameters" not in run for run in runs)
    assert {run["time_steps"] for run in protocol_of(committed("digits"), spiking=True)} == {2, 5, 10}
    assert {run["time_steps"] for run in protocol_of(committed("digits"), spiking=False)} == {1}


@pytest.mark.parametrize("name", committed_folders())
def test_every_committed_report_can_be_tried_against(name: str) -> None:
    runs = protocol_of(committed(name), spiking=True)
    assert runs
    for run in runs:
        RunConfig.model_validate_json(json.dumps({**run, "method": "stbp"}))


def test_ranks_go_by_the_mean_and_differences_by_the_seed() -> None:
    def runs(method: str, values: list[float], steps: str = "2", dataset: str = "digits") -> pd.DataFrame:
        rows = [
            run_row(method=method, seed=str(seed), time_steps=steps, dataset=dataset, cell_key=f"{method}{steps}")
            for seed in range(len(values))
        ]
        return results_of(*rows).runs.assign(value=values)

    others = [
        runs("stbp", [0.6, 0.7, 0.8]),
        runs("ann", [0.9, 0.9, 0.9], steps="1"),
        runs("slayer", [0.1, 0.1, 0.1]),
        runs("slayer", [1.0, 1.0, 1.0], steps="5"),
        runs("bptt", [1.0, 1.0, 1.0], dataset="mnist"),
    ]
    table = ranking(runs("mine", [0.5, 0.6, 0.7]), pd.concat(others))
    assert table["method"].tolist() == ["ANN (ReLU)", "STBP", "mine", "SLAYER-like"], (
        "another T or dataset does not count"
    )
    assert table[""].tolist() == ["", "", MARK, ""]
    means = [text.split()[0] for text in table["mine minus theirs"]]
    assert means == ["-30.00", "-10.00", NOTHING, "+50.00"]
    assert table["mine minus theirs"].iloc[1] == "-10.00 [-10.00, -10.00]", "of pairs, which all differ by as much"


def test_a_value_is_the_mean_of_the_last_epochs_that_count() -> None:
    row = run_row()
    results = results_of(row)
    long = pd.DataFrame(
        {"run_key": row["run_key"], "epoch": range(1, 41), "test_accuracy": [n / 100 for n in range(1, 41)]}
    )
    made = Results(results.study, results.runs, long, results.anytime)
    assert values_after(made, 40, "test_accuracy")["value"].tolist() == [pytest.approx(0.385)], (
        "of 40 epochs, the last four"
    )
    assert values_after(made, 5, "test_accuracy")["value"].tolist() == [0.05], "of five, the last one"
    assert values_after(made, 41, "test_accuracy").empty, "it does not have so many"


@pytest.mark.parametrize(
    ("budget", "seeds", "epochs"), [("100m", 5, 100), ("75m", 4, 100), ("56m", 3, 100), ("20m", 3, 35), ("1m", 3, 1)]
)
def test_a_budget_leaves_out_seeds_down_to_three_and_then_epochs(
    method_file: Path, monkeypatch: pytest.MonkeyPatch, budget: str, seeds: int, epochs: int
) -> None:
    # A run of 100 epochs takes 1,002 seconds, of which the last two are those of the final measurements.
    monkeypatch.setattr(trying, "estimate_runs", estimated)
    ran: list[Study] = []

    def carry_out(study: Study, *_: object, **__: object) -> int:
        ran.append(study)
        return 0

    monkeypatch.setattr(trying, "carry_out", carry_out)
    monkeypatch.setattr(trying, "rankings", lambda *_: [("", pd.DataFrame())])
    against = ["--against", "fashion_mnist_mlp", "--device", "cpu"]
    assert main(["try", str(method_file), *against, "--budget", budget]) == 0
    (study,) = ran
    assert {cell.config.seed for cell in study.cells} == set(range(seeds))
    assert {cell.config.epochs for cell in study.cells} == {epochs}


def test_what_a_budget_stops_is_left_out_of_the_ranking(
    method_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def carry_out(study: Study, *arguments: Any, **options: Any) -> int:
        """The first two runs, which is then all that there is time for."""
        real(replace(study, cells=study.cells[:2]), *arguments, **options)
        raise TimeLimitError

    real = commands.carry_out
    monkeypatch.setattr(trying, "carry_out", carry_out)
    monkeypatch.setattr(trying, "within", lambda _, study, __: study)
    few = ["--only", "time_steps=2", "--set", "epochs=1", "--budget", "10m", "--output", "rows.csv"]
    assert main(["try", str(method_file), *TRY, *few]) == 1
    assert "10 min are over; what has not come to its end is left out" in capsys.readouterr().out
    table = pd.read_csv("rows.csv").set_index("method")
    assert table.loc["My method", "seeds"] == 2


def test_a_budget_holds_while_runs_go_on(
    method_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trying, "within", lambda _, study, __: trying._only(study, [0, 1], epochs=100000))
    long = ["--only", "time_steps=2", "--set", "epochs=7", "--budget", "4s"]
    assert main(["try", str(method_file), *TRY, *long]) == 2
    printed = capsys.readouterr()
    assert "no run of" in printed.err
    (study,) = Runs().studies()
    stopped = Runs().records(study)
    assert {record.status for record in stopped} == {"interrupted"}
    line = next(line for line in printed.out.splitlines() if "are over" in line)
    again: list[Study] = []
    monkeypatch.setattr(trying, "carry_out", lambda study, *_, **__: again.append(study))
    monkeypatch.setattr(trying, "rankings", lambda *_: [("", pd.DataFrame())])
    main(shlex.split(line.partition(" by: tssl ")[2]))
    assert [cell.config.seed for cell in again[0].cells] == [0, 1]
    assert {cell.config.run_key for cell in again[0].cells} >= {record.run_key for record in stopped}


def test_a_budget_that_is_over_before_the_first_run_ends_without_a_ranking(
    method_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def over(*_: object) -> Study:
        raise TimeLimitError

    monkeypatch.setattr(trying, "within", over)
    assert main(["try", str(method_file), *TRY, "--budget", "4s"]) == 1
    printed = capsys.readouterr()
    assert "4 s are over" in printed.out
    assert not printed.err


@pytest.mark.parametrize(
    "change", ["train_samples=100", "batch_size=8", "seed=3", "dataset=mnist", "evaluate_on=held_out"]
)
def test_what_would_leave_the_protocol_is_refused(
    method_file: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    said = refusal(capsys, "try", str(method_file), *TRY, "--set", change)
    assert (
        f"--set {change.partition('=')[0]} would leave the protocol of the report digits; expected epochs, opt" in said
    )
    assert not Runs().studies()


def test_both_sides_are_ranked_by_what_both_have(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--only", "seed=0", "--only", "dataset=spike_classes", "--set", "epochs=1"]
    assert main(["try", "stbp", "--against", "sequences", *few, "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    assert "(samples with every output train as it should be, after epoch 1)" in printed
    with pytest.raises(ReportError, match=r"have none of accuracy, .* in common"):
        measure_of(committed("sequences"), committed("digits"))


def estimated(plan: list[object], *_: object) -> Estimate:
    costs = [CellCost(planned.cell.config, planned.cell.config.epochs, Speed(10, 2)) for planned in plan]  # type: ignore[attr-defined]
    return Estimate(tuple(costs), None)  # type: ignore[arg-type]


def test_a_budget_for_less_than_an_epoch_is_refused(
    method_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trying, "estimate_runs", estimated)
    typed = ["try", str(method_file), "--against", "fashion_mnist_mlp", "--device", "cpu", "--budget", "30s"]
    assert "one epoch of 3 seeds takes about 36 s, and the budget is 30 s" in refusal(capsys, *typed)


def test_a_learning_rate_that_falls_until_the_last_epoch_is_not_cut(
    method_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trying, "estimate_runs", estimated)
    typed = ["--against", "fashion_mnist_mlp", "--device", "cpu", "--budget", "20m", "--set", "schedule=cosine"]
    assert "fewer epochs do not compare" in refusal(capsys, "try", str(method_file), *typed)
    whole, cosine = results_of(run_row(epochs="3")), results_of(run_row(epochs="3", config='{"schedule": "cosine"}'))
    assert [len(values_after(whole, epochs, "test_accuracy")) for epochs in (2, 3)] == [1, 1]
    assert [len(values_after(cosine, epochs, "test_accuracy")) for epochs in (2, 3)] == [0, 1]


def test_a_report_that_keeps_no_configuration_is_refused() -> None:
    with pytest.raises(ReportError, match="has no finished run with its configuration"):
        protocol_of(results_of(run_row()), spiking=True)
