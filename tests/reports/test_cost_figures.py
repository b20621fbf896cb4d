"""Accuracy against cost: cells, and the front of those that nothing beats."""

import numpy as np
import pandas as pd
import pytest

from reports.figures.cost import MOST_IN_LEGEND, accuracy_against_cost, cells_against, pareto_front
from reports.figures.style import styles
from tests.reports.made import results_of, run_row


def test_the_front_has_what_is_more_accurate_than_all_that_costs_no_more() -> None:
    cells = pd.DataFrame(
        {
            "name": ["dear", "cheap", "worse and dearer", "best", "equal and dearer", "same cost, worse", "dearest"],
            "cost": [4.0, 1.0, 2.0, 3.0, 3.5, 3.0, 9.0],
            "mean": [80.0, 50.0, 40.0, 90.0, 90.0, 70.0, 95.0],
        }
    )
    assert pareto_front(cells)["name"].tolist() == ["cheap", "best", "dearest"]
    assert pareto_front(cells.iloc[::-1])["name"].tolist() == ["cheap", "best", "dearest"]


def test_cells_are_means_over_seeds_and_methods_without_time_have_no_t() -> None:
    runs = [run_row(latency_ms=1.0), run_row(seed="1", latency_ms=3.0, accuracy_last=0.87)]
    others = [run_row(method="ann", time_steps="1", latency_ms=0.1), run_row(method="stbp", latency_ms=None)]
    finished = results_of(*runs, *others).finished
    own = cells_against(finished, "latency_ms").set_index("method").loc["tssl_bp"]
    assert (own["time_steps"], own["cost"]) == (5, 2.0)
    assert [own["mean"], own["std"]] == pytest.approx([88.0, np.sqrt(2)])
    assert cells_against(finished, "latency_ms")["method"].tolist() == ["ann", "tssl_bp"]
    assert cells_against(finished, "time_steps")["method"].tolist() == ["stbp", "tssl_bp"]


def texts_of(*runs: dict[str, object], cost: str = "energy_nj") -> tuple[set[str], set[str]]:
    """What is written at points, and in the legend."""
    drawing = accuracy_against_cost(results_of(*runs).finished, (cost,))
    assert drawing is not None
    figure = drawing.figure
    points = {text.get_text() for text in figure.axes[0].texts}
    return points, {text.get_text() for legend in figure.legends for text in legend.get_texts()}


def test_points_of_the_front_have_their_t_and_the_legend_the_methods() -> None:
    spiking = [run_row(time_steps=T, energy_nj=float(T), accuracy_last=0.8 + int(T) / 100) for T in ("2", "5", "10")]
    beaten = run_row(method="stbp", energy_nj=20.0, accuracy_last=0.5)
    points, legend = texts_of(
        *spiking, beaten, run_row(method="ann", time_steps="1", energy_nj=30.0, accuracy_last=0.95)
    )
    assert points == {"2", "5", "10", "no T"}
    assert legend == {"TSSL-BP", "STBP", "ANN (ReLU)", "Pareto front"}


def test_of_many_methods_those_on_the_front_have_numbers_that_the_legend_names() -> None:
    names = sorted(styles())[: MOST_IN_LEGEND + 1]
    runs = [run_row(method=name, energy_nj=2.0 + n, accuracy_last=0.5) for n, name in enumerate(names)]
    best = run_row(method="tssl_bp", energy_nj=1.0, accuracy_last=0.9)
    assert texts_of(*runs, best) == ({"1"}, {"TSSL-BP"})


def test_costs_that_are_known_of_a_single_cell_are_not_drawn() -> None:
    finished = results_of(run_row(energy_nj=1.0), run_row(method="stbp")).finished
    assert accuracy_against_cost(finished, ("energy_nj",)) is None
    both = results_of(run_row(), run_row(time_steps="2")).finished
    drawing = accuracy_against_cost(both, ("time_steps", "latency_ms"))
    assert drawing is not None
    assert [axes.get_xlabel() for axes in drawing.figure.axes] == ["latency in time steps T"]


@pytest.mark.parametrize(("dearer", "expected"), [(2.0, [1.5]), (20.0, [2, 5, 10]), (500.0, [10, 100])])
def test_costs_near_each_other_have_ticks_between_the_powers_of_ten(dearer: float, expected: list[float]) -> None:
    runs = [run_row(energy_nj=1.01), run_row(method="stbp", energy_nj=dearer)]
    drawing = accuracy_against_cost(results_of(*runs).finished, ("energy_nj",))
    assert drawing is not None
    ticks = drawing.figure.axes[0].get_xticks()
    assert [tick for tick in ticks if 1.01 < tick < dearer] == pytest.approx(expected)
