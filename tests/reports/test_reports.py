"""Reports: made tables in, known text out; nothing cut off by missing cells."""

from pathlib import Path

import pytest

from reports.figures.accuracy import accuracy_of_methods
from reports.load import ReportError, results_from_csv
from reports.render import write_report
from reports.tables import comparison_table, unfinished_table
from tests.reports.made import markdown_of, results_of, run_row

SEEDS = results_of(
    run_row(seed="0", accuracy_best=0.8970),
    run_row(seed="1", accuracy_best=0.8980),
    run_row(seed="2", accuracy_best=0.8990),
)


def test_the_comparison_sets_the_mean_over_seeds_beside_the_published_value() -> None:
    (row,) = comparison_table(SEEDS.finished).to_dict("records")
    assert row["best epoch %"] == "89.80 ± 0.10"
    assert row["published %"] == "89.75 ± 0.03 (best 89.80)"
    assert row["difference"] == "+0.05"
    assert (row["n"], row["published epochs"]) == (3, 100)


def test_one_seed_has_no_standard_deviation() -> None:
    (row,) = comparison_table(results_of(run_row()).finished).to_dict("records")
    assert row["best epoch %"] == "90.00"


def test_options_of_an_architecture_do_not_hide_its_published_value() -> None:
    (row,) = comparison_table(results_of(run_row(architecture="400w2-400d0.1")).finished).to_dict("records")
    assert row["network"] == "400-400"
    assert row["difference"] == "+0.25"


def test_cells_that_differ_in_protocol_or_epochs_are_not_mixed() -> None:
    results = results_of(run_row(), run_row(epochs="5"), run_row(protocol="quick"))
    assert len(comparison_table(results.finished)) == 3


def test_cells_that_differ_in_a_parameter_alone_are_not_mixed_and_are_told_apart() -> None:
    results = results_of(run_row(cell_key="aaaaaaa1"), run_row(seed="1", cell_key="bbbbbbb2"))
    table = comparison_table(results.finished)
    assert table["settings"].tolist() == ["aaaaaa", "bbbbbb"]
    assert "settings" not in comparison_table(SEEDS.finished)


def test_a_method_without_published_value_or_time_steps_has_neither() -> None:
    results = results_of(run_row(dataset="digits", method="ann", time_steps="1", silent_fraction=None), run_row())
    ann = comparison_table(results.finished).set_index("method").loc["ANN (ReLU)"]
    assert [ann[key] for key in ("T", "published %", "difference", "silent")] == ["-"] * 4


def test_a_finished_run_counts_before_a_failed_one_and_a_later_one_before_an_earlier() -> None:
    results = results_of(
        run_row(accuracy_best=0.5),
        run_row(accuracy_best=0.6),
        run_row(status="failed", accuracy_best=None, reason="RuntimeError: no"),
    )
    assert results.runs["accuracy_best"].tolist() == [0.6]


def test_runs_without_a_result_are_listed_with_their_reason() -> None:
    results = results_of(run_row(), run_row(seed="1", status="failed", accuracy_best=None, reason="out of | memory"))
    assert unfinished_table(results.runs, results.epochs).to_dict("records") == [
        {
            "dataset": "fashion_mnist",
            "method": "tssl_bp",
            "T": 5,
            "seed": 1,
            "epochs": "3 of 100",
            "best so far %": "89.00",
            "status": "failed",
            "reason": "out of | memory",
        }
    ]
    text = markdown_of(results)
    assert "## Runs without a result" in text
    assert r"out of \| memory" in text


@pytest.mark.usefixtures("blank_figures")
def test_figures_that_a_report_no_longer_shows_are_removed_and_other_files_are_not(tmp_path: Path) -> None:
    write_report(results_of(run_row()), tmp_path, title="Made")
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"")
    before = {path.name for path in tmp_path.glob("*.png")} - {mine.name}
    write_report(results_of(run_row(), run_row(epochs="5")), tmp_path, title="Made")
    after = {path.name for path in tmp_path.glob("*.png")} - {mine.name}
    assert "fashion_mnist_training.png" in before
    assert after
    assert not after & before
    assert not list(tmp_path.glob("fashion_mnist_training.*"))
    assert mine.exists()


def test_accuracy_on_held_out_samples_is_called_so_and_set_beside_nothing_published() -> None:
    on_test, held_out = results_of(run_row()), results_of(run_row(evaluate_on="held_out"))
    apart = markdown_of(held_out)
    usual = markdown_of(on_test)
    assert "did not look at the test set" in apart
    assert "did not look at the test set" not in usual
    assert ["| claim " in text for text in (apart, usual)] == [False, True]
    accuracies = [text.partition("## Accuracy\n")[2].partition("*Last epoch*")[0] for text in (apart, usual)]
    assert ["89.75 ± 0.03" in text for text in accuracies] == [False, True]
    published = [text.partition("## Published results")[2] for text in (apart, usual)]
    assert ["| run " in text for text in published] == [False, True]
    (axes,) = accuracy_of_methods(held_out.finished).figure.axes
    assert axes.get_xlabel() == "held-out accuracy, mean of the last 10 epochs (%), T = 5"


def test_a_report_without_any_finished_run_says_so() -> None:
    results = results_of(run_row(status="diverged", accuracy_last=None, accuracy_best=None, reason="loss is nan"))
    assert "No run has finished yet." in markdown_of(results)


def test_an_unknown_method_and_dataset_are_reported_under_their_own_names() -> None:
    text = markdown_of(results_of(run_row(method="magic:new", dataset="imagenet"), run_row()))
    assert "magic, new" in text
    assert "imagenet: None" in text


@pytest.mark.parametrize("content", [None, "", "dataset,method\ndigits,ann\n"])
def test_csv_files_that_are_missing_empty_or_without_columns_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "results.csv").write_text(content)
        (tmp_path / "epochs.csv").write_text("run_key,epoch,test_accuracy\n")
    with pytest.raises(ReportError, match=r"cannot read|lacks the columns"):
        results_from_csv(tmp_path, "made")
