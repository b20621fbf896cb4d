"""Tables: what is missing is said, and nothing is compared that does not compare."""

import time

import pandas as pd
import pytest

from reports.load import LATE, Results, results_from_tables
from reports.tables import (
    ablation_table,
    accuracy_by_steps,
    accuracy_matrix,
    comparison_table,
    cost_table,
    difference_table,
    effort_table,
    missing_table,
    unfinished_table,
)
from reports.tables.accuracy import STAR
from tests.reports.made import epoch_row, results_of, run_row

GRID = [
    run_row(method=method, time_steps=steps, seed=seed, accuracy_last=0.5 + 0.01 * int(steps) + 0.001 * int(seed))
    for method in ("tssl_bp", "stbp")
    for steps in ("2", "5")
    for seed in ("0", "1", "2")
]
WITHOUT_ONE = [run for run in GRID if (run["method"], run["time_steps"]) != ("stbp", "5")]
ANN = run_row(method="ann", time_steps="1", silent_fraction=None)


def test_methods_by_t_leave_a_gap_where_a_cell_is_missing_and_a_column_to_methods_without_t() -> None:
    table = accuracy_by_steps(results_of(*WITHOUT_ONE, ANN).finished)
    assert table.set_index("method").to_dict("index") == {
        "ANN (ReLU)": {"T = 2": "-", "T = 5": "-", "no T": "89.00"},
        "STBP": {"T = 2": "52.10 ± 0.10", "T = 5": "-", "no T": "-"},
        "TSSL-BP": {"T = 2": "52.10 ± 0.10", "T = 5": "55.10 ± 0.10", "no T": "-"},
    }


def test_a_single_t_makes_no_table_of_methods_by_t() -> None:
    assert accuracy_by_steps(results_of(run_row(), ANN).finished).empty


def test_seeds_that_were_never_run_are_listed_and_a_whole_grid_is_not() -> None:
    lacking = [run for run in WITHOUT_ONE if (run["method"], run["time_steps"], run["seed"]) != ("tssl_bp", "2", "1")]
    assert missing_table(results_of(*lacking).runs).to_dict("records") == [
        {"dataset": "fashion_mnist", "method": "STBP", "T": 5, "seeds that were not run": "0, 1, 2"},
        {"dataset": "fashion_mnist", "method": "TSSL-BP", "T": 2, "seeds that were not run": "1"},
    ]
    assert missing_table(results_of(*GRID).runs).empty


def test_a_run_that_was_cut_off_says_how_accurate_it_was_by_then_if_it_came_to_an_epoch() -> None:
    results = results_of(run_row(status="running", accuracy_best=None), run_row(seed="1", status="failed"))
    of_first = results.epochs["run_key"] == results.runs["run_key"].iloc[0]
    table = unfinished_table(results.runs, results.epochs[of_first])
    assert table["epochs"].tolist() == ["3 of 100", "0 of 100"]
    assert table["best so far %"].tolist() == [f"{100 * results.epochs[of_first]['test_accuracy'].max():.2f}", "-"]


def test_a_run_without_accuracies_that_was_cut_off_has_none() -> None:
    results = results_of(run_row(status="running", accuracy_best=None))
    table = unfinished_table(results.runs, results.epochs.drop(columns="test_accuracy"))
    assert table[["epochs", "best so far %"]].values.tolist() == [["3 of 100", "-"]]


def test_a_failed_run_is_not_missing_and_a_run_without_reason_has_none() -> None:
    failed = run_row(method="stbp", status="skipped", reason=None)
    results = results_of(run_row(), failed)
    assert missing_table(results.runs).empty
    assert unfinished_table(results.runs, results.epochs)["reason"].tolist() == ["-"]


def test_differences_are_from_tssl_bp_at_equal_t_and_say_what_the_seeds_say() -> None:
    worse = [run_row(method="stbp", seed=str(seed), accuracy_last=0.88 - 0.001 * seed) for seed in range(5)]
    ours = [run_row(seed=str(seed), accuracy_last=0.89) for seed in range(5)]
    other_steps = [run_row(method="slayer", time_steps="10", seed=str(seed)) for seed in range(3)]
    table = difference_table(results_of(*ours, *worse, *other_steps, ANN).finished).set_index("method")
    assert list(table.index) == ["ANN (ReLU)", "STBP"]
    assert table.loc["STBP", "last ten epochs, points"] == "-1.20 [-1.40, -1.00]"
    assert table.loc["STBP", "after correction"] == "lower"
    assert table.loc["ANN (ReLU)", "after correction"] == "open: 5 seeds are needed"
    assert table["n"].tolist() == [1, 5]


def test_without_tssl_bp_or_on_other_terms_there_are_no_differences() -> None:
    assert difference_table(results_of(ANN).finished).empty
    assert difference_table(results_of(run_row(), run_row(method="stbp", epochs="3")).finished).empty


def test_the_ablation_says_what_each_variant_changes_and_does() -> None:
    variant = [run_row(method="tssl_bp:single-filter", seed=str(seed), accuracy_last=0.90) for seed in range(5)]
    own = [run_row(seed=str(seed), accuracy_last=0.89) for seed in range(5)]
    table = ablation_table(results_of(*own, *variant, ANN).finished).set_index("variant")
    assert list(table.index) == ["(as it is)", "single-filter"]
    assert table.loc["single-filter", "changes"] == "filter_passes = 1"
    assert table.loc["single-filter", "last ten epochs, points"] == "+1.00 [+1.00, +1.00]"
    assert table.loc["single-filter", "best epoch, points"] == "+0.00 [+0.00, +0.00]"
    assert table.loc["single-filter", "after correction"] == "higher"
    assert ablation_table(results_of(*own, ANN).finished).empty


def test_cost_is_sorted_by_accuracy_and_leaves_out_what_nobody_measured() -> None:
    results = results_of(
        run_row(accuracy_last=0.8, synops=1234.4), run_row(method="stbp", accuracy_last=0.9, synops=None)
    )
    table = cost_table(results.finished)
    assert table["method"].tolist() == ["STBP", "TSSL-BP"]
    assert table["synops"].tolist() == ["-", "1,234"]
    assert "MACs" not in table


def test_neuron_updates_are_counted_once_a_neuron_and_time_step() -> None:
    finished = results_of(run_row(), run_row(method="ann", time_steps="1")).finished
    key = finished.loc[finished["method"] == "tssl_bp", "run_key"].iloc[0]
    layers = pd.DataFrame({"run_key": [key, key], "neurons": [400, 10]})
    table = cost_table(finished, layers).set_index("method")["neuron updates"]
    assert table.to_dict() == {"TSSL-BP": "2,050", "ANN (ReLU)": "-"}
    assert "neuron updates" not in cost_table(finished)


@pytest.mark.parametrize(("epochs", "last"), [(100, 10), (150, 10), (30, 3), (9, 1)])
def test_the_end_of_a_training_is_its_last_ten_epochs_or_the_last_tenth_of_fewer(epochs: int, last: int) -> None:
    run = run_row()
    curve = pd.DataFrame([epoch_row(run, epoch, epoch / 1000) for epoch in range(1, epochs + 1)])
    results = results_from_tables(
        "made", pd.DataFrame([run]), curve, pd.DataFrame(columns=["run_key", "step", "accuracy"])
    )
    expected = sum(range(epochs - last + 1, epochs + 1)) / last / 1000
    assert results.runs[LATE].tolist() == [pytest.approx(expected)]


def test_best_less_last_ten_is_by_how_much_the_choice_by_the_test_set_favours_a_method() -> None:
    table = comparison_table(results_of(run_row(accuracy_last=0.89, accuracy_best=0.905)).finished)
    assert table["best minus last ten"].tolist() == ["1.50"]


def test_an_unknown_method_is_in_every_table_under_its_own_name() -> None:
    finished = results_of(run_row(), run_row(method="magic:new")).finished
    for table in (comparison_table(finished), cost_table(finished), difference_table(finished)):
        assert "magic, new" in table["method"].tolist()


@pytest.fixture(scope="module")
def many() -> Results:
    rows = [
        run_row(
            method=method,
            time_steps=str(steps),
            seed=str(seed),
            epochs=str(epochs),
            accuracy_last=0.8 + 0.0001 * (seed % 7) * steps,
        )
        for method in ("tssl_bp", "tssl_bp:single-filter", "stbp", "slayer", "bptt")
        for steps in range(1, 21)
        for epochs in (1, 10)
        for seed in range(50)
    ]
    assert len(rows) == 10_000
    return results_of(*rows)


def test_ten_thousand_runs_take_seconds(many: Results) -> None:
    start = time.process_time()
    for table in (comparison_table, cost_table, difference_table, ablation_table):
        assert isinstance(table(many.finished), pd.DataFrame)
    missing_table(many.runs)
    assert time.process_time() - start < 20


def test_how_long_a_study_took_is_told_for_each_machine_apart() -> None:
    on_cpu = {"device": "cpu", "processor": "Some CPU", "threads": 2}
    runs = [
        run_row(seed="0", training_seconds="60", **on_cpu),
        run_row(seed="1", training_seconds="180", **on_cpu),
        run_row(seed="2", training_seconds="240", **on_cpu),
        run_row(seed="3", training_seconds="36", device="A Graphics Card", processor="Some CPU", threads=1),
        run_row(seed="4", training_seconds="36", device="cpu", status="failed"),
    ]
    table = effort_table({"mine": results_of(*runs).finished})
    assert table.to_dict("records") == [
        {"study": "mine", "on": "A Graphics Card", "runs": 1, "minutes a run": "0.60", "hours in all": "0.01"},
        {"study": "mine", "on": "Some CPU, 2 threads", "runs": 3, "minutes a run": "3.00", "hours in all": "0.13"},
    ]


def test_the_matrix_has_the_best_on_top_and_a_star_in_each_column() -> None:
    rows = [
        run_row(method=name, time_steps=steps, accuracy_last=value)
        for name, steps, value in [("stbp", "2", 0.7), ("stbp", "5", 0.8), ("tssl_bp", "2", 0.5), ("tssl_bp", "5", 0.9)]
    ]
    table = accuracy_matrix(results_of(*rows, ANN | {"accuracy_last": 0.85}).finished).set_index("method")
    assert list(table.index) == ["TSSL-BP", "ANN (ReLU)", "STBP"]
    assert table.to_dict("list") == {
        "T = 2": ["50.00", "-", f"{STAR} 70.00"],
        "T = 5": [f"{STAR} 90.00", "-", "80.00"],
        "no T": ["-", f"{STAR} 85.00", "-"],
    }
