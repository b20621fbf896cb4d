"""What products were computed in: read, told apart, and never averaged without a word."""

import json
from typing import Any

from reports.compare import FACTS
from reports.ledger import answers_of
from reports.settings import distinguishing_settings, select_main_setting
from reports.tables import ablation_table, comparison_table, difference_table
from tests.reports.made import markdown_of, results_of, run_row


def runs_in(precision: str, *seeds: str, **changes: Any) -> list[dict[str, Any]]:
    return [run_row(seed=seed, **{"precision": precision, **changes}) for seed in seeds]


def with_setting(precision: str, accuracy: float) -> list[dict[str, Any]]:
    settings = json.dumps({"precision": precision, "optimizer.learning_rate": "0.1"})
    return runs_in(precision, "0", "1", "2", cell_key=precision, config=settings, accuracy_last=accuracy)


def test_runs_of_before_are_in_float32_on_a_cpu_and_in_tf32_on_a_gpu() -> None:
    devices = ["cpu", "NVIDIA H100", None]
    rows = [run_row(seed=str(seed), device=device) for seed, device in enumerate(devices)]
    later = run_row(seed="3", device="NVIDIA H100", precision="float16")
    runs = results_of(*rows, later).runs.sort_values("seed")
    assert runs["precision"].tolist() == ["float32", "tf32", "float32", "float16"]


def test_a_mean_over_runs_of_several_names_all_of_them_and_equal_ones_need_no_column() -> None:
    both = [*runs_in("float32", "0", "1"), *runs_in("tf32", "2"), *runs_in("tf32", "0", "1", "2", method="stbp")]
    finished = results_of(*both).finished
    table = comparison_table(finished).set_index("method")["precision"].to_dict()
    assert table == {"STBP": "tf32", "TSSL-BP": "float32, tf32"}
    other = results_of(*both, *runs_in("tf32", "0", "1", "2", method="slayer", T="2")).finished
    assert set(comparison_table(other)["precision"]) == {"tf32", "float32, tf32"}
    assert "precision" not in comparison_table(results_of(*runs_in("tf32", "0", "1")).finished)


def test_a_difference_between_runs_of_several_names_all_of_them() -> None:
    runs = [*runs_in("float32", "0", "1", "2"), *runs_in("tf32", "0", "1", "2", method="stbp")]
    more = [*runs, *runs_in("float32", "0", "1", "2", method="slayer")]
    table = difference_table(results_of(*more).finished).set_index("method")["precision"].to_dict()
    assert table == {"STBP": "float32, tf32", "SLAYER-like": "float32"}


def test_the_top_of_a_report_says_it_and_names_means_over_several() -> None:
    same = markdown_of(results_of(*runs_in("tf32", "0", "1")))
    assert "Convolutions and matrix products: tf32.\n" in same
    mixed = markdown_of(results_of(*runs_in("float32", "0", "1"), *runs_in("tf32", "2")))
    assert "Convolutions and matrix products: float32 in 2 runs, tf32 in 1 runs. Means over runs of both" in mixed
    assert "runs of both: TSSL-BP (float32, tf32)." in mixed


def test_each_precision_is_set_beside_the_default_and_not_beside_the_most_accurate() -> None:
    runs = [*with_setting("tf32", 0.85), *with_setting("float16", 0.9)]
    finished = results_of(*runs).finished
    assert select_main_setting(finished)["precision"].unique().tolist() == ["tf32"]
    table = ablation_table(finished)
    assert table["changes"].tolist() == ["precision = float16", "-"]
    assert table["precision"].tolist() == ["float16, tf32", "tf32"]
    assert table["last ten epochs, points"].tolist()[0].startswith("+5.00")


def test_a_run_of_before_the_setting_came_does_not_differ_in_it() -> None:
    rate = "optimizer.learning_rate"
    before = run_row(cell_key="before", config=json.dumps({rate: "0.1"}))
    now = run_row(cell_key="now", config=json.dumps({rate: "0.2", "precision": "tf32"}))
    half = run_row(cell_key="half", config=json.dumps({rate: "0.1", "precision": "float16"}))
    assert distinguishing_settings(results_of(before, now).finished)["now"] == "learning_rate = 0.2"
    assert distinguishing_settings(results_of(before, half).finished)["before"] == "precision = tf32"


def test_the_ledger_and_a_comparison_of_two_studies_say_it() -> None:
    found = answers_of(results_of(*runs_in("bfloat16", "0", "1", "2")).runs)
    assert any("; products in bfloat16" in answer.terms for answer in found)
    assert not any("products" in answer.terms for answer in answers_of(results_of(*runs_in("float32", "0")).runs))
    assert "precision" in FACTS
