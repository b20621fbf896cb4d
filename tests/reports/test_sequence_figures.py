"""Figures of target spike trains: which runs they show, what is right and wrong in them, and nothing from nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from reports.details import details_of
from reports.figures.animation import animate_outputs
from reports.figures.sequence_gallery import draw_sequence_figures
from reports.figures.sequences import cells_of, distance_curves, outputs_while_learning, reach, shown_rasters, stages_of
from reports.load import Results
from reports.model import Picture
from reports.render import image_address
from tests.reports.made import results_of, run_row

TARGET = ("0100", "0010")


def made(*runs: dict[str, Any]) -> Results:
    """Runs whose output is wrong after epoch 1, half right after 2 and right after 4."""
    stages = {1: ("1000", "0000"), 2: ("0100", "1000"), 4: TARGET}
    shown = [
        {"epoch": epoch, "sample": sample, "output": output, "target": TARGET}
        for epoch, output in stages.items()
        for sample in (0, 1)
    ]
    results = results_of(*runs)
    epochs = results.epochs.assign(test_van_rossum=1 / results.epochs["epoch"], test_accuracy=np.nan)
    pictures = details_of([(run["run_key"], {"output_rasters": shown}) for run in runs])["output_rasters"]
    return replace(results, epochs=epochs, output_rasters=pictures)


def learnt(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "dataset": "spike_patterns",
        "architecture": "20",
        "time_steps": "4",
        "patterns": 1.0,
        "exact_match": 1.0,
    }
    row = run_row(
        **{**row, "van_rossum": 0.1, "steps_to_exact": 20.0, "accuracy_best": None, "accuracy_last": None, **changes}
    )
    return {**row, "run_key": f"{row['run_key']}{row['patterns']}"}


def test_a_raster_of_an_epoch_is_what_the_network_did_and_epoch_0_is_its_target() -> None:
    results = made(learnt())
    rows = shown_rasters(results.finished, results.output_rasters)
    assert stages_of(rows) == [1, 2, 4]
    assert cells_of(rows, 0).astype(int).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert cells_of(rows, 2).astype(int).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert not cells_of(rows, 3).any()


def test_outputs_show_what_is_right_and_what_is_wrong_beside_the_target() -> None:
    results = made(learnt(), learnt(method="stbp"))
    drawing = outputs_while_learning(results.finished, results.output_rasters)
    assert drawing is not None
    figure = drawing.figure
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles == ["epoch 1", "epoch 2", "epoch 4", "target"]
    half = np.asarray(figure.axes[1].images[0].get_array())
    assert half.tolist() == [[0, 1, 0, 0], [2, 0, 0, 0]]


def test_the_picture_is_shown_where_it_was_run_else_what_most_methods_were_run_on() -> None:
    picture = learnt(dataset="raster_image", method="slayer")
    alone, both = learnt(time_steps="9"), [learnt(), learnt(method="stbp")]
    results = made(alone, *both)
    assert set(shown_rasters(results.finished, results.output_rasters)["method"]) == {"tssl_bp", "stbp"}
    results = made(alone, *both, picture)
    assert set(shown_rasters(results.finished, results.output_rasters)["method"]) == {"slayer"}


def test_distances_have_a_panel_for_each_problem_that_begins_at_0() -> None:
    results = made(learnt(), learnt(method="stbp"), learnt(patterns=4.0, seed="1"))
    drawing = distance_curves(results.finished, results.epochs)
    assert drawing is not None
    figure = drawing.figure
    assert [axes.get_title() for axes in figure.axes] == ["1 pattern, 20, T = 4", "4 patterns, 20, T = 4"]
    assert [axes.get_ylim()[0] for axes in figure.axes] == [0.0, 0.0]
    assert len(figure.axes[0].lines) > len(figure.axes[1].lines) - 2  # the first also has the legend's


def test_reach_is_the_share_of_runs_that_became_exact_against_one_thing_at_a_time() -> None:
    rows = [learnt(seed=str(seed)) for seed in range(4)]
    rows += [learnt(seed=str(seed), patterns=4.0, steps_to_exact=9.0 if seed else None) for seed in range(4)]
    drawing = reach(made(*rows).finished)
    assert drawing is not None
    figure = drawing.figure
    (axes,) = figure.axes
    assert axes.get_xlabel() == "patterns"
    assert axes.lines[0].get_ydata().tolist() == [100.0, 75.0]  # type: ignore[union-attr]


def test_without_several_problems_or_pictures_there_is_nothing_to_show(tmp_path: Path) -> None:
    finished = made(learnt()).finished
    assert reach(finished) is None
    nothing = pd.DataFrame(columns=["run_key", "sample", "epoch", "kind", "neuron", "step"])
    assert outputs_while_learning(finished, nothing) is None
    assert not animate_outputs(finished, nothing, tmp_path / "x.gif")
    assert not (tmp_path / "x.gif").exists()
    assert distance_curves(finished, pd.DataFrame({"run_key": ["a"], "epoch": [1]})) is None


def test_the_animation_has_a_frame_a_stage_and_the_same_bytes_again(tmp_path: Path) -> None:
    results = made(learnt(), learnt(method="stbp"))
    for name in ("a.gif", "b.gif"):
        assert animate_outputs(results.finished, results.output_rasters, tmp_path / name)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]


def test_a_page_holds_the_animation_itself(tmp_path: Path) -> None:
    sections = draw_sequence_figures(made(learnt()), tmp_path)
    pictures = [block for section in sections for block in section.blocks if isinstance(block, Picture)]
    (animated,) = [picture for picture in pictures if picture.animated]
    assert animated.stem == "sequences_learning"
    assert image_address(animated, tmp_path).startswith("data:image/gif;base64,")
