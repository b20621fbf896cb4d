"""Cells that nothing but a setting tells apart are named by it, in tables and figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config.nested import flatten
from benchmarks.config.run import parameters_of, validate_run
from benchmarks.tracking import Mirror, Runs
from reports.figures.accuracy import accuracy_against_setting
from reports.load import results_from_csv, results_from_mlflow, results_from_runs
from reports.settings import distinguishing_settings, label_methods_by_setting, varied_setting
from reports.tables import (
    ablation_table,
    accuracy_by_setting,
    accuracy_by_steps,
    comparison_table,
    difference_table,
    parameter_table,
)
from tests.benchmarks.tracked import STUDY, config_of, log_run
from tests.reports.made import results_of, run_row


def run_with(key: str, settings: dict[str, str] | None, **changes: Any) -> dict[str, Any]:
    return run_row(cell_key=key, config=None if settings is None else json.dumps(settings), **changes)


def names(*runs: dict[str, Any]) -> dict[str, str]:
    return dict(distinguishing_settings(results_of(*runs).finished))


RATE, WIDTH = "optimizer.learning_rate", "parameters.surrogate_width"
NARROW = run_with("narrow", {RATE: "0.1", WIDTH: "0.5"}, method="stbp")
WIDE = run_with("wide", {RATE: "0.1", WIDTH: "1.0"}, method="stbp")
FAST = run_with("fast", {RATE: "0.2", WIDTH: "1.0"}, method="stbp")


def test_the_settings_that_differ_are_named_and_those_that_do_not_are_not() -> None:
    assert names(NARROW, WIDE) == {"narrow": "surrogate_width = 0.5", "wide": "surrogate_width = 1.0"}
    assert names(NARROW, WIDE, FAST)["fast"] == "learning_rate = 0.2, surrogate_width = 1.0"
    assert names(NARROW, run_with("other", {RATE: "0.1"}, method="stbp"))["other"] == "surrogate_width = not set"


def test_a_cell_that_is_alone_with_its_method_and_t_needs_no_name() -> None:
    assert names(NARROW, run_with("two", {WIDTH: "1.0"}, method="stbp", time_steps="2")) == {}


def test_keys_that_would_read_the_same_are_given_in_full() -> None:
    both = [run_with(key, {"parameters.decay": key, "optimizer.decay": key}) for key in ("1", "2")]
    assert names(*both)["1"] == "parameters.decay = 1, optimizer.decay = 1"


def test_where_settings_are_not_known_the_key_of_the_cell_tells_it_apart() -> None:
    assert names(NARROW, run_with("0123456789", None, method="stbp")) == {"narrow": "narrow", "0123456789": "012345"}
    same = [run_with(key, {RATE: "0.1"}) for key in ("first--", "second-")]
    assert names(*same) == {"first--": "first-", "second-": "second"}


def test_tables_show_the_settings() -> None:
    seeds = [run | {"seed": seed, "run_key": run["run_key"] + seed} for run in (NARROW, WIDE) for seed in "012"]
    finished = results_of(*seeds, *(run_row(seed=seed) for seed in "012")).finished
    assert comparison_table(finished)["settings"].tolist() == ["surrogate_width = 0.5", "surrogate_width = 1.0", "-"]
    assert difference_table(finished)["settings"].tolist() == ["surrogate_width = 0.5", "surrogate_width = 1.0"]
    variants = [run | {"method": "tssl_bp:clamp-10"} for run in seeds]
    table = ablation_table(results_of(*variants, *(run_row(seed=seed) for seed in "012")).finished)
    assert table["settings"].tolist() == ["-", "surrogate_width = 0.5", "surrogate_width = 1.0"]


def settings_of(method: str, **changed: str) -> dict[str, str]:
    """What a store keeps of a method's parameters, with some changed, ``lif__tau_m`` for lif.tau_m."""
    own = {f"parameters.{name}": str(value) for name, value in flatten(parameters_of(method))}
    changes = {f"parameters.{name.replace('__', '.')}": value for name, value in changed.items()}
    return dict(sorted({RATE: "0.1", **own, **changes}.items()))


def test_a_variant_is_said_to_change_what_its_runs_had_otherwise_and_not_what_its_preset_says() -> None:
    own = run_with("own", settings_of("tssl_bp"))
    clamp = "tssl_bp:clamp-10"
    wide = run_with("wide", settings_of(clamp, lif__tau_m="4.0") | {RATE: "0.2"}, method=clamp)
    unknown = run_with("unknown", None, method="tssl_bp:single-filter")
    table = ablation_table(results_of(own, wide, unknown).finished).set_index("variant")
    assert table["changes"].to_dict() == {
        "(as it is)": "-",
        "clamp-10": "learning_rate = 0.2, gradient.inverse_max = 10.0, gradient.inverse_min = -10.0, lif.tau_m = 4.0",
        "single-filter": "filter_passes = 1",
    }


def test_another_setting_of_the_method_itself_is_set_beside_the_one_with_most_seeds() -> None:
    small, large = ({**settings_of("tssl_bp"), RATE: rate} for rate in ("0.1", "0.2"))
    runs = [
        *(run_with("main", large, seed=seed, accuracy_last=0.8) for seed in "0123"),
        *(run_with("other", small, seed=seed, accuracy_last=0.9) for seed in "012"),
        *(run_with("variant", None, seed=seed, accuracy_last=0.7, method="tssl_bp:clamp-10") for seed in "012"),
    ]
    table = ablation_table(results_of(*runs).finished).drop(index=2)
    assert table[["variant", "settings", "changes", "last ten epochs, points"]].to_dict("split")["data"] == [
        ["(as it is)", "learning_rate = 0.1", "learning_rate = 0.1", "+10.00 [+10.00, +10.00]"],
        ["(as it is)", "learning_rate = 0.2", "-", "-"],
    ]


def test_parameters_that_are_not_a_methods_own_are_listed() -> None:
    clamp = "tssl_bp:clamp-10"
    runs = [
        run_with("own", settings_of("tssl_bp")),
        run_with("preset", settings_of(clamp), method=clamp),
        run_with("set", settings_of(clamp, lif__tau_m="4.0", loss="spike_count"), method=clamp, time_steps="2"),
        run_with("again", settings_of(clamp, lif__tau_m="4.0", loss="spike_count"), method=clamp, time_steps="8"),
        # Of a version that did not have the other parameters yet.
        run_with("early", {"parameters.surrogate_width": "9.0"}, method="stbp"),
        run_with("unknown", None, method="slayer"),
        run_with("new", {"parameters.power": "1"}, method="magic"),
    ]
    assert parameter_table(results_of(*runs).finished).to_dict("records") == [
        {"method": "STBP", "set": "surrogate_width = 9.0"},
        {"method": "TSSL-BP, clamp-10", "set": "lif.tau_m = 4.0, loss = spike_count"},
    ]
    assert parameter_table(results_of(*runs[:2]).finished).empty


def test_a_method_is_set_beside_the_reference_with_its_own_setting_or_else_the_main_one() -> None:
    narrow, wide = NARROW | {"accuracy_best": 0.80, "accuracy_last": 0.80}, WIDE | {"accuracy_last": 0.85}
    ours = [run | {"method": "tssl_bp", "run_key": run["run_key"] + "ours"} for run in (narrow, wide)]
    ann = run_row(method="ann", time_steps="1")
    table = difference_table(results_of(*ours, NARROW, WIDE, ann).finished).set_index("settings")
    assert list(table["method"]) == ["ANN (ReLU)", "STBP", "STBP"]
    assert table["last ten epochs, points"].to_dict() == {
        "TSSL-BP: surrogate_width = 1.0": "+4.00",
        "surrogate_width = 0.5": "+9.00",
        "surrogate_width = 1.0": "+4.00",
    }
    variants = [run | {"method": "tssl_bp:clamp-10"} for run in (NARROW, WIDE)]
    table = ablation_table(results_of(*ours, *variants).finished)
    assert table["last ten epochs, points"].tolist() == ["-5.00", "-", "+9.00", "+4.00"]


def test_methods_by_t_keep_settings_apart_and_join_the_same_one() -> None:
    at_two = [
        run | {"time_steps": "2", "run_key": run["run_key"] + "2", "cell_key": run["cell_key"] + "2"}
        for run in (NARROW, WIDE)
    ]
    table = accuracy_by_steps(results_of(NARROW | {"accuracy_last": 0.5}, WIDE, *at_two).finished)
    assert table.to_dict("records") == [
        {"method": "STBP, surrogate_width = 0.5", "T = 2": "89.00", "T = 5": "50.00"},
        {"method": "STBP, surrogate_width = 1.0", "T = 2": "89.00", "T = 5": "89.00"},
    ]


def test_a_preset_and_a_setting_stand_beside_each_other() -> None:
    rows = [run | {"method": "tssl_bp:clamp-10"} for run in (NARROW, WIDE)]
    assert label_methods_by_setting(results_of(*rows).finished)["method"].tolist() == [
        "tssl_bp:clamp-10, surrogate_width = 0.5",
        "tssl_bp:clamp-10, surrogate_width = 1.0",
    ]


def test_methods_by_the_one_setting_that_was_varied_leave_a_gap_and_leave_out_who_has_a_single_value() -> None:
    slower = run_with("slower", {RATE: "0.05", WIDTH: "1.0"}, method="stbp")
    ours = [run_with(key, {RATE: key}, accuracy_last=accuracy) for key, accuracy in (("0.1", 0.6), ("0.2", 0.7))]
    seeds = [run | {"seed": "1", "run_key": run["run_key"] + "1", "accuracy_last": 0.8} for run in ours]
    ann = [run_with(f"ann {rate}", {RATE: rate}, method="ann", time_steps="1") for rate in ("0.05", "0.2")]
    single = run_with("single", {RATE: "0.1"}, method="slayer")
    finished = results_of(WIDE, FAST, slower, *ours, *seeds, *ann, single).finished
    assert accuracy_by_setting(finished).to_dict("records") == [
        {
            "method": "ANN (ReLU)",
            "T": "-",
            "learning_rate = 0.05": "89.00",
            "learning_rate = 0.1": "-",
            "learning_rate = 0.2": "89.00",
        },
        {
            "method": "STBP",
            "T": 5,
            "learning_rate = 0.05": "89.00",
            "learning_rate = 0.1": "89.00",
            "learning_rate = 0.2": "89.00",
        },
        {
            "method": "TSSL-BP",
            "T": 5,
            "learning_rate = 0.05": "-",
            "learning_rate = 0.1": "70.00 ± 14.14",
            "learning_rate = 0.2": "75.00 ± 7.07",
        },
    ]
    drawing = accuracy_against_setting(finished)
    assert drawing is not None
    (axes,) = drawing.figure.axes
    lines = {str(container.get_label()): container.lines[0] for container in axes.containers}  # type: ignore[attr-defined]
    assert sorted(lines) == ["ANN (ReLU)", "STBP", "TSSL-BP"]
    assert lines["TSSL-BP"].get_xydata().ravel().tolist() == pytest.approx([0.1, 70, 0.2, 75])
    assert axes.get_xlabel() == "learning rate"


def test_two_settings_at_once_no_setting_and_words_are_no_single_setting_that_was_varied() -> None:
    for runs in (
        [NARROW, WIDE, FAST],
        [NARROW],
        [run_with(key, {"parameters.gate": key}) for key in ("layer", "neuron")],
        [run_with(key, None) for key in ("first", "second")],
        [run_row(status="failed")],
    ):
        finished = results_of(*runs).finished
        assert varied_setting(finished) is None
        assert accuracy_by_setting(finished).empty
        assert accuracy_against_setting(finished) is None


def test_records_mlflow_and_the_files_of_a_report_give_the_same_settings(store: str, tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    for rate in (1e-3, 2e-3):
        log_run(runs, config_of(optimizer={"learning_rate": rate}))
    Mirror(store).sync(runs, STUDY)
    results = [results_from_runs(runs.root, STUDY), results_from_mlflow(store, STUDY)]
    results[0].write(tmp_path)
    results.append(results_from_csv(tmp_path, STUDY))
    told = [sorted(distinguishing_settings(found.finished).values()) for found in results]
    assert told == [["learning_rate = 0.001", "learning_rate = 0.002"]] * 3
    (first, *others) = [found.runs["config"].tolist() for found in results]
    assert others == [first, first]
    assert validate_run(json.loads(first[0])) == config_of(optimizer={"learning_rate": 1e-3})
