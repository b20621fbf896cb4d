"""Published results: every row checked, the right one set beside ours, nothing from memory passed off as seen."""

from pathlib import Path

import pytest

from benchmarks.defaults import PROFILES
from benchmarks.study.study import load_study
from reports.load import ReportError
from reports.published import published_for, published_results, read_published
from reports.tables import published_table
from tests.reports.made import markdown_of, results_of, run_row


def test_published_values_are_looked_up_by_network_and_time_steps() -> None:
    assert published_for("mnist", "15C5-P2-40C5-P2-300", "tssl_bp", 5) is not None
    assert published_for("mnist", "15C5-P2-40C5-P2-300", "tssl_bp", 10) is None
    assert published_for("mnist", "400-400", "tssl_bp", 5) is None
    assert published_for("fashion_mnist", "400-400", "ann", 1) is not None


@pytest.mark.parametrize(("name", "published"), [("cifar10", 88.98), ("cifar10_cnn2", 91.41)])
def test_only_the_whole_networks_of_cifar10_stand_beside_published_numbers(name: str, published: float) -> None:
    for profile in PROFILES:
        config = load_study(name, profile=profile).cells[0].config
        row = published_for("cifar10", config.network_spec().architecture.plain, "tssl_bp", config.time_steps)
        assert (row and (row.mean or row.best)) == (published if profile == "paper" else None)


def test_a_number_that_was_seen_comes_before_one_from_memory() -> None:
    ann = published_for("fashion_mnist", "32C5-P2-64C5-P2-1024", "ann", 1)
    assert ann is not None
    assert (ann.best, ann.certainty) == (90.01, "seen")


def test_every_published_result_has_a_number_a_source_and_a_certainty() -> None:
    for row in published_results():
        assert row.mean is not None or row.best is not None
        assert row.source
        assert row.certainty in ("seen", "memory")
        assert all(50 < value < 100 for value in (row.mean, row.best) if value is not None)
        assert row.mean is None or row.best is None or row.mean <= row.best


def test_the_tables_of_the_paper_and_its_rerun_are_all_there() -> None:
    best = {(row.dataset, row.architecture, row.time_steps): row.best for row in published_results() if row.std}
    assert best["mnist", "15C5-P2-40C5-P2-300", 5] == 99.47  # the rerun's, which stands behind the paper's 99.53
    found = {(row.dataset, row.method) for row in published_results()}
    assert found >= {
        *(("mnist", method) for method in ("tssl_bp", "hm2_bp", "st_rsbp", "stbp", "slayer")),
        *(("nmnist", method) for method in ("tssl_bp", "hm2_bp", "slayer")),
        *(("fashion_mnist", method) for method in ("tssl_bp", "hm2_bp", "st_rsbp", "ann", "converted")),
        *(("cifar10", method) for method in ("tssl_bp", "stbp", "ann", "converted")),
    }
    reruns = [row.mean or row.best for row in published_results() if "Reproducibility Challenge" in row.source]
    assert reruns == [99.40, 88.96, 89.61]


ROW = {"dataset": '"mnist"', "architecture": '"20"', "method": '"ann"', "title": '"ANN"', "best": "99.0"}
ROW |= {"source": '"a book"', "certainty": '"seen"'}


def one_row(**changes: str | None) -> str:
    values = {key: value for key, value in {**ROW, **changes}.items() if value is not None}
    return "[[result]]\n" + "\n".join(f"{key} = {value}" for key, value in values.items())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"source": None}, "'source' is missing"),
        ({"source": '""'}, "source is '': string should have at least 1 character"),
        ({"certainty": None}, "'certainty' is missing"),
        ({"certainty": '"sure"'}, "certainty is 'sure': input should be 'seen' or 'memory'"),
        ({"accuracy": "99.0"}, "unknown key 'accuracy'"),
        ({"best": None}, "best: expected a mean or a best"),
        ({"best": "0.99", "mean": "101.0"}, "mean is 101.0: input should be less than 100"),
        ({"time_steps": '"5"'}, "time_steps is '5': input should be a valid integer"),
        ({"architecture": None}, "network: expected either an architecture or a network"),
        ({"network": '"one of theirs"'}, "network: expected either an architecture or a network"),
        ({"architecture": '"20d0.1"'}, "architecture: 20d0.1 has options; expected 20"),
        ({"architecture": '"ResNet-19"'}, "architecture: "),
        ({"from_memory": '["std"]'}, "from_memory: the row has no std"),
        ({"from_memory": '["best"]', "certainty": '"memory"'}, "from_memory: expected none"),
    ],
)
def test_a_published_row_with_a_mistake_is_refused_by_name(changes: dict[str, str | None], expected: str) -> None:
    assert len(read_published(one_row())) == 1
    with pytest.raises(ReportError) as caught:
        read_published(one_row() + "\n" + one_row(**changes))
    assert str(caught.value).startswith("published result 2 (ANN on mnist): ")
    assert expected in str(caught.value)


def test_published_rows_say_how_sure_they_are_and_whether_we_ran_the_same(tmp_path: Path) -> None:
    rows = read_published(
        "\n".join(
            [
                one_row(),
                one_row(time_steps="5", method='"tssl_bp"', title='"Seen"', epochs="3", from_memory='["epochs"]'),
                one_row(time_steps="10", method='"tssl_bp"', title='"Believed"', certainty='"memory"'),
                one_row(architecture='"30"', title='"Larger ANN"'),
            ]
        )
    )
    runs = results_of(run_row(dataset="mnist", architecture="20d0.1", method="ann", time_steps="1"), run_row())
    runs.runs.loc[runs.runs["method"] == "tssl_bp", ["dataset", "architecture"]] = ["mnist", "20"]
    table = published_table(rows, runs.finished).set_index("method")
    assert table["here"].to_dict() == {
        "ANN": "run",
        "Seen": "run",
        "Believed": "published only",
        "Larger ANN": "published only",
    }
    assert table["certainty"].tolist() == ["seen", "seen; epochs from memory", "from memory", "seen"]
    assert table["network"].tolist() == ["20", "20", "20", "30"]


def test_a_report_lists_all_published_results_of_its_datasets_and_none_of_ours() -> None:
    text = markdown_of(results_of(run_row(accuracy_best=0.8765)))
    same = text.partition("## Published results: FashionMNIST, 400-400")[2].partition("##")[0]
    other = text.partition("## Published results: FashionMNIST, other networks")[2].partition("##")[0]
    assert "87.65" in text
    assert "87.65" not in same + other
    for part in ("89.75 ± 0.03", "88.99", "| run ", "published only", "seen; epochs from memory"):
        assert part in same
    for part in ("92.69 ± 0.09", "400-R400, recurrent", "from memory"):
        assert part in other
    assert "MNIST, 15C5" not in text
    nothing = markdown_of(results_of(run_row(dataset="digits")))
    assert "None are known for these datasets." in nothing
