"""Runs of the authors' configurations by date: told by their settings, changed one at a time, stopped early."""

import json
from typing import Any

import pandas as pd
import pytest

from benchmarks.config.nested import flatten, merge
from benchmarks.config.run import LATER_SETTINGS, RunConfig, validate_run
from benchmarks.study.published import published, published_runs
from benchmarks.study.study import load_study
from benchmarks.tracking import config_row
from reports.claims import Place
from reports.dated import version_of
from reports.early_stopping import stopping_epoch
from reports.ledger import answers_of, beyond, ledger
from reports.load import Results, results_from_tables
from reports.model import LedgerLine
from reports.settings import distinguishing_settings, nondefault_parameters
from reports.tables import comparison_table, early_stopping_table, factor_table
from reports.verdicts import Verdict
from tests.reports.made import markdown_of, run_row

CNN = "fashion_mnist_cnn"


def config_of(version: str, network: str = CNN, **changes: Any) -> RunConfig:
    (run,) = published_runs({"network": network, "version": version})
    return validate_run(merge({key: run[key] for key in run if key != "labels"}, {"protocol": "paper", **changes}))


def row(config: RunConfig, seed: int = 0, best: float = 0.92, **changes: Any) -> dict[str, Any]:
    values = config_row(config.model_copy(update={"seed": seed}).model_dump(mode="json"))
    made = run_row(**values, cell_key=config.cell_key, accuracy_best=best, accuracy_last=best - 0.01, **changes)
    return made | {"run_key": f"{config.cell_key}-{seed}"}


def results(*runs: dict[str, Any], curve: list[float] | None = None) -> Results:
    epochs = [
        {"run_key": run["run_key"], "epoch": epoch, "test_accuracy": accuracy}
        for run in runs
        for epoch, accuracy in enumerate(curve or [run["accuracy_last"]], start=1)
    ]
    anytime = pd.DataFrame(columns=["run_key", "step", "accuracy"])
    return results_from_tables("made", pd.DataFrame(list(runs)), pd.DataFrame(epochs), anytime)


SEPTEMBER, LAST = config_of("2020-09"), config_of("last")
WITH_DEFAULT = config_of("2020-09", initial_weights="pytorch_default")
SLOWER = config_of("2020-09", optimizer={"learning_rate": 1e-4})


@pytest.mark.parametrize("version", published().versions)
@pytest.mark.parametrize("network", published().networks)
def test_a_configuration_is_told_by_its_settings_whatever_its_length_and_precision(network: str, version: str) -> None:
    for changes in ({}, {"epochs": 1, "protocol": "smoke", "train_samples": 20}, {"precision": "bfloat16"}):
        found = version_of(results(row(config_of(version, network, **changes))).finished)
        assert found == published().versions[version]


def test_what_has_another_setting_or_none_that_are_known_is_no_configuration() -> None:
    assert version_of(results(row(WITH_DEFAULT)).finished) is None
    assert version_of(results(row(SLOWER)).finished) is None
    unknown = results(row(SEPTEMBER)).finished.assign(config=None)
    assert version_of(unknown) is None


def test_runs_of_before_initial_weights_were_a_setting_have_the_default() -> None:
    made = row(LAST)
    settings = json.loads(made["config"])
    made["config"] = json.dumps({key: value for key, value in settings.items() if key not in LATER_SETTINGS})
    assert "initial_weights" in settings
    found = version_of(results(made).finished)
    assert found is not None
    assert found.method == "tssl_bp"


def test_a_change_stands_beside_its_configuration_seed_by_seed() -> None:
    runs = [row(SEPTEMBER, seed, 0.92) for seed in range(5)] + [row(WITH_DEFAULT, seed, 0.91) for seed in range(5)]
    table = factor_table(results(*runs, *[row(LAST, seed) for seed in (0, 1, 2)]).finished)
    assert table["changes"].tolist() == ["(as published)", "initial_weights = pytorch_default"]
    assert table["n"].tolist() == [5, 5]
    assert table["best epoch, points"].tolist() == ["-", "-1.00 [-1.00, -1.00]"]
    assert table["after correction"].tolist() == ["-", "lower"]


def test_without_the_configuration_or_a_change_there_is_no_such_table() -> None:
    assert factor_table(results(row(WITH_DEFAULT), row(SLOWER)).finished).empty
    assert factor_table(results(row(SEPTEMBER), row(LAST)).finished).empty


CURVE = [0.9, 0.92, *[0.91] * 60, 0.93, *[0.9] * 37]


def test_the_report_says_where_the_authors_would_have_stopped_in_a_configuration_that_has_it() -> None:
    made = results(row(SEPTEMBER, 0, 0.93), row(SEPTEMBER, 1, 0.93), row(LAST), row(WITH_DEFAULT), curve=CURVE)
    table = early_stopping_table(made.finished, made.epochs)
    assert stopping_epoch(CURVE, 50) == 52
    assert table["method"].tolist() == ["TSSL-BP, paper-2020-09"]
    assert table["would have stopped after epoch"].tolist() == ["52, 52"]
    assert table["best epoch until then %"].tolist() == ["92.00 ± 0.00"]
    assert table["best epoch %"].tolist() == ["93.00 ± 0.00"]


def test_a_run_that_would_not_have_stopped_is_shown_as_such_and_one_shorter_than_the_patience_not_at_all() -> None:
    rising = results(row(SEPTEMBER), curve=[epoch / 200 for epoch in range(100)])
    assert early_stopping_table(rising.finished, rising.epochs)["would have stopped after epoch"].tolist() == ["-"]
    short = results(row(config_of("2020-09", epochs=50)), curve=CURVE[:50])
    assert early_stopping_table(short.finished, short.epochs).empty


def test_methods_with_other_initial_weights_are_told_so_in_every_table() -> None:
    runs = results(row(SEPTEMBER), row(LAST)).finished
    assert distinguishing_settings(runs) == {SEPTEMBER.cell_key: "initial_weights = kaiming_normal"}
    assert comparison_table(runs)["settings"].tolist() == ["-", "initial_weights = kaiming_normal"]
    alone = results(row(SEPTEMBER)).finished
    assert distinguishing_settings(alone) == {}
    assert "initial_weights = kaiming_normal" in str(nondefault_parameters(alone))
    assert "initial_weights" not in str(nondefault_parameters(results(row(LAST)).finished))


def decides(*runs: dict[str, Any], claim: str = "fashion-mnist-cnn", curve: list[float] | None = None) -> LedgerLine:
    place = Place.of("fashion_mnist", LAST.architecture)
    lines = ledger(answers_of(results(*runs, curve=curve).runs), [place])
    (line,) = [line for line in lines if line.claim.id == claim]
    return line


def three(config: RunConfig, best: float) -> list[dict[str, Any]]:
    return [row(config, seed, best + 0.0001 * seed) for seed in range(3)]


def test_a_published_accuracy_is_held_to_the_configuration_that_stood_and_the_last_version_is_told_beside() -> None:
    line = decides(*three(LAST, 0.9215), *three(SEPTEMBER, 0.9269), *three(SLOWER, 0.95))
    assert line.judgement.verdict is Verdict.REPRODUCED
    assert line.ours == "92.70 ± 0.01 (September 2020)"
    assert line.beside[0].startswith("last version: 92.16 ± 0.01, -0.53 [")


def test_the_last_version_decides_where_the_one_that_stood_was_not_run_or_too_little() -> None:
    alone = decides(*three(LAST, 0.9215), *three(SLOWER, 0.95))
    assert (alone.ours, alone.judgement.verdict) == ("92.16 ± 0.01 (last version)", Verdict.NOT_REPRODUCED)
    fewer = decides(*three(LAST, 0.9215), *three(SEPTEMBER, 0.9269)[:2])
    assert (fewer.ours, fewer.judgement) == (alone.ours, alone.judgement)
    assert fewer.beside[0] == "September 2020: 92.69 ± 0.01, +0.00"
    shorter = [run | {"epochs": "99", "run_key": run["run_key"] + "short"} for run in three(SEPTEMBER, 0.9269)]
    assert decides(*three(LAST, 0.9215), *shorter) == alone


def test_a_training_that_was_stopped_in_the_configuration_that_would_decide_is_told_in_the_line() -> None:
    stopped = row(SEPTEMBER, 0, 0.66) | {"status": "interrupted", "accuracy_best": None, "accuracy_last": None}
    curve = [0.86, 0.65]
    line, without = decides(*three(LAST, 0.9215), stopped, curve=curve), decides(*three(LAST, 0.9215), curve=curve)
    assert line.beside[0] == "September 2020: stopped at 65.00"
    assert (line.ours, line.judgement) == (without.ours, without.judgement)


def test_a_comparison_by_the_last_version_has_that_by_another_version_beside_it() -> None:
    ann = LAST.model_copy(update={"method": "ann"})
    of_each = ((LAST, 0.92), (SEPTEMBER, 0.93), (ann, 0.91))
    line = decides(*(row(config, seed, best) for config, best in of_each for seed in range(5)), claim="better-than-ann")
    assert line.judgement.difference == "+1.00 [+1.00, +1.00]"
    assert line.beside[0] == "September 2020: +2.00 [+2.00, +2.00]"


def test_other_configurations_of_the_authors_are_told_beside_and_beyond_the_paper_where_they_are_not_of_it() -> None:
    june = config_of("2020-06")
    assert decides(*three(LAST, 0.9215), row(june, 0, 0.9252)).beside[0] == "June 2020: 92.52, -0.17"
    shorter = row(june, 0, 0.9) | {"epochs": "99"}
    assert decides(*three(LAST, 0.9215), shorter) == decides(*three(LAST, 0.9215))
    found = beyond(answers_of(results(*three(LAST, 0.9215), shorter).runs))
    assert [line[3:5] for line in found.rows] == [("90.00 (June 2020)", "-2.69")]


def test_runs_in_16_bits_do_not_stand_for_the_papers() -> None:
    in_16_bits = [run | {"precision": "bfloat16"} for run in three(config_of("2020-09", precision="bfloat16"), 0.9269)]
    assert decides(*in_16_bits).judgement.verdict is Verdict.NOT_RUN
    assert decides(*three(LAST, 0.9215), *in_16_bits) == decides(*three(LAST, 0.9215))
    (line,) = beyond(answers_of(results(*in_16_bits).runs)).rows
    assert (line[3], line[-1]) == ("92.70 ± 0.01 (September 2020)", "n = 3; 100 epochs; products in bfloat16")


def test_the_single_changes_lead_from_september_to_the_last_version() -> None:
    cells = load_study("fashion_mnist_cnn_factors", profile="paper").cells
    by_factor = {cell.labels["factor"]: cell.config for cell in cells if cell.config.seed == 0}
    assert len(cells) == 3 * len(by_factor) == 27
    assert {(cell.labels["network"], cell.labels["version"]) for cell in cells} == {(CNN, "2020-09")}
    assert by_factor["none"].run_key == SEPTEMBER.run_key
    everything = {**by_factor["all"].model_dump(), "method": LAST.method}
    assert everything == LAST.model_dump()
    flat = {name: dict(flatten(config.model_dump())) for name, config in by_factor.items()}
    alone = ("initial_weights", "time_constants", "gradient", "loss_target_and_filter")
    changed = [{key for key, value in flat[name].items() if value != flat["none"][key]} for name in alone]
    assert sum(map(len, changed)) == len(set().union(*changed))
    assert set().union(*changed) == {key for key, value in flat["all"].items() if value != flat["none"][key]}


def test_a_report_has_the_tables_of_configurations_by_date() -> None:
    made = results(row(SEPTEMBER, 0, 0.93), row(WITH_DEFAULT), row(LAST), curve=CURVE)
    text = markdown_of(made)
    assert "## Changes to a configuration of the authors" in text
    assert "## Early stopping" in text
