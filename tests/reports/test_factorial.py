"""The factorial of target spike trains: its effects are those that were put in, seed by seed, and it stands alone."""

import json
from itertools import product
from typing import Any

import pandas as pd
import pytest

from benchmarks.alignment.columns import ALIGNMENT_COLUMNS
from benchmarks.tracking import CONFIG
from reports.load import Results, results_from_tables
from reports.sequences import with_factors, with_target_trains
from reports.tables import effect_table, factorial_runs, harm_table, noise_table, place_table
from reports.tables.alignment import alignment_tables, ceiling
from tests.reports.test_sequences import run, some_runs

SEEDS = range(5)


def cell(tau_s: float, gate: str, inverse_max: float, intra: bool, **values: Any) -> list[dict[str, Any]]:
    gradient = {"gate": gate, "inverse_max": inverse_max, "intra_neuron": intra}
    config = json.dumps({"method": "tssl_bp:x", "parameters": {"lif": {"tau_s": tau_s}, "gradient": gradient}})
    key = f"{tau_s} {gate} {inverse_max} {intra}"
    far = {"van_rossum": 1.0 + (gate == "neuron") * (0.5 + 0.2 * intra) + 0.1 * (tau_s == 2), **values}
    # Seeds have trains of their own, some harder than others: what is paired does not see it.
    return [
        run("tssl_bp:single-filter", seed, status="finished", cell_key=key, run_key=f"{key} {seed}", protocol="paper")
        | far
        | {CONFIG: config, "van_rossum": far["van_rossum"] + seed + 0.01 * ((seed + inverse_max) % 3)}
        for seed in SEEDS
    ]


def crossed() -> pd.DataFrame:
    rows = [
        row for levels in product((3.0, 2.0), ("neuron", "layer"), (8.0, 1.25), (True, False)) for row in cell(*levels)
    ]
    rows += [row for tau_s in (3.0, 2.0) for row in cell(tau_s, "always", 8.0, True, van_rossum=1.0)]
    return pd.DataFrame(rows)


def test_effects_and_interactions_are_those_that_were_put_in() -> None:
    table = effect_table(factorial_runs(crossed())).set_index("effect of")
    assert len(table) == 4 + 6
    found = table["van Rossum"].str.partition(" ")[0].astype(float)
    assert found["gate: neuron to layer"] == pytest.approx(-0.6)
    assert found["intra_neuron: on to off"] == pytest.approx(-0.1)
    assert found["tau_s: 3 to 2"] == pytest.approx(0.1)
    assert found["gate x intra_neuron"] == pytest.approx(0.2)
    assert found["tau_s x gate"] == pytest.approx(0.0)
    assert table["distance is"]["gate: neuron to layer"] == "lower"
    assert table["distance is"]["tau_s x gate"] == "within the seeds' spread"


def test_harm_is_what_a_setting_is_further_off_than_the_surrogate_everywhere() -> None:
    table = harm_table(factorial_runs(crossed()))
    assert len(table) == 1 + 8
    first, whole = table.iloc[0], table.iloc[1]
    assert [first["gate"], first["minus the surrogate everywhere"]] == ["always", "-"]
    assert [whole[name] for name in ("gate", "inverse_max", "intra_neuron")] == ["neuron", "8", "on"]
    assert whole["minus the surrogate everywhere"].startswith("+0.75 [+0.")
    assert whole["distance is"] == "higher"
    assert table["minus the surrogate everywhere"].iloc[-1].startswith("+0.0")


def test_an_incomplete_factorial_is_none() -> None:
    runs = crossed()
    without = runs[runs["cell_key"] != "2.0 layer 1.25 False"]
    assert factorial_runs(without).empty
    assert effect_table(factorial_runs(without)).empty
    assert harm_table(factorial_runs(some_runs())).empty
    assert effect_table(factorial_runs(runs.iloc[:0])).empty


def results_of(runs: pd.DataFrame) -> Results:
    return results_from_tables(
        "made", runs, pd.DataFrame(columns=["run_key", "epoch"]), pd.DataFrame(columns=["run_key", "step"])
    )


def test_the_runs_of_a_factorial_are_told_by_themselves_and_not_among_the_methods() -> None:
    others = some_runs().assign(status="finished").assign(run_key=[f"other {number}" for number in range(6)])
    results = results_of(pd.concat([crossed(), others], ignore_index=True))
    assert set(with_target_trains(results).runs["run_key"]) == set(others["run_key"])
    assert len(with_factors(results).runs) == 18 * len(SEEDS)


def cosines(gate: str, cosine: float) -> list[tuple[object, ...]]:
    def of_seed(seed: int) -> float:
        return cosine if gate == "always" else cosine + 0.01 * seed

    return [
        (seed, "always", 5, 0.2, layer, place, gate, 8.0, True, 100, of_seed(seed), 0.7, 0.5, 0.6)
        for seed in SEEDS
        for layer in ("layer1", "layer2", "output")
        for place in ("all", "spike", "silent")
    ]


def test_a_setting_is_set_beside_the_surrogate_everywhere_and_below_the_ceiling_of_the_estimate() -> None:
    rows = cosines("always", 0.5) + cosines("neuron", 0.1) + cosines("never", float("nan"))
    alignment = pd.DataFrame(rows, columns=[*ALIGNMENT_COLUMNS])
    ((title, table),) = alignment_tables(alignment)
    assert title == "After 5 epochs with the surrogate everywhere"
    assert table["gate"].tolist() == ["always", "neuron", "never", "ceiling"]
    assert table["mean of layers"].tolist()[1].startswith("+0.12 [+0.")
    assert table["minus the surrogate everywhere"].tolist()[1].startswith("-0.38 [-0.")
    assert table["cosine is"].tolist() == ["-", "lower", "-", "-"]
    assert table["layer1"].tolist() == ["0.50", "0.12", "-", "0.82"]
    assert ceiling(alignment) == pytest.approx((2 / 3) ** 0.5)
    assert place_table(alignment)["cosine, spike"].tolist() == ["0.50", "0.12", "-"]
    assert place_table(alignment)["cosine, after a spike"].tolist() == ["-", "-", "-"]
    assert noise_table(alignment)["After 5 epochs with the surrogate everywhere, 0.2"].tolist() == ["0.50", "0.12", "-"]
