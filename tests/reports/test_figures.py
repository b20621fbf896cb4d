"""Figures: the right one for a study, everything on it legible."""

import itertools
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from baselines.method import method_title
from reports.cells import percent
from reports.figures.accuracy import (
    accuracy_after_each_step,
    accuracy_against_time_steps,
    accuracy_of_methods,
    training_curves,
)
from reports.figures.activity import histogram_of_spikes, silent_fraction_of_layers
from reports.figures.confusion import confusion_matrix
from reports.figures.cost import accuracy_against_cost
from reports.figures.drawing import Drawing
from reports.figures.panels import MANY
from reports.figures.raster import spikes_of_a_sample
from reports.figures.scales import LEAST_SPAN, AccuracyLocator
from reports.figures.style import WIDTH, brightness, canvas, on_top_of, save, styles
from reports.load import LATE, Results
from tests.reports.made import results_of, run_row
from tests.reports.made_details import with_details

VARIANTS = sorted(name for name in styles() if name.startswith("tssl_bp"))[: MANY + 2]


def drawn(drawing: Drawing | None) -> Figure:
    """Lay a figure out that is there."""
    assert drawing is not None
    drawing.figure.draw_without_rendering()
    return drawing.figure


def curves(results: Results) -> Figure:
    return drawn(training_curves(results.finished, results.epochs))


def legend_of(figure: Figure) -> list[str]:
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return [text.get_text() for legend in legends if legend for text in legend.get_texts()]


def test_more_methods_than_one_plot_can_hold_get_a_panel_each() -> None:
    few = curves(results_of(*(run_row(method=name) for name in VARIANTS[:MANY])))
    many = curves(results_of(*(run_row(method=name) for name in VARIANTS)))
    assert [axes.get_title() for axes in few.axes] == [""]
    assert sorted(legend_of(few)) == sorted(f"{method_title(name)}, T = 5" for name in VARIANTS[:MANY])
    assert [axes.get_title() for axes in many.axes] == [method_title(name) for name in VARIANTS]


def test_more_lines_than_one_plot_can_hold_get_panels_and_each_t_a_dash_that_all_share() -> None:
    steps = {"stbp": ("2", "5", "10", "20"), "tssl_bp": ("5", "10", "20", "50")}
    figure = curves(results_of(*(run_row(method=name, time_steps=T) for name in steps for T in steps[name])))
    assert [axes.get_title() for axes in figure.axes] == ["STBP", "TSSL-BP"]
    assert sorted(legend_of(figure)) == ["T = 10", "T = 2", "T = 20", "T = 5", "T = 50"]
    lines = {str(line.get_label()): line.get_linestyle() for axes in figure.axes for line in axes.lines[-4:]}
    assert lines["STBP, T = 20"] == lines["TSSL-BP, T = 20"] != lines["STBP, T = 10"]


def test_each_t_of_the_study_of_time_steps_has_a_line_of_its_own() -> None:
    axes = curves(results_of(*(run_row(time_steps=str(steps)) for steps in (1, 2, 3, 5, 8, 10, 20)))).axes[0]
    dashes = {str(line._dash_pattern) for line in axes.get_lines()}  # type: ignore[attr-defined]
    assert len(dashes) == 7


def test_a_legend_is_in_the_order_in_which_the_lines_end() -> None:
    rows = [run_row(method=name, accuracy_last=value) for name, value in (("stbp", 0.7), ("tssl_bp", 0.9))]
    level = results_of(
        *rows,
        *(run_row(**{**row, "time_steps": "10"}) for row in rows),
        run_row(method="ann", time_steps="1", accuracy_last=0.8),
    )
    figure = drawn(accuracy_against_time_steps(level.finished))
    assert legend_of(figure) == ["TSSL-BP", "ANN (ReLU), no time", "STBP"]


def test_the_accuracy_after_each_step_is_drawn_of_each_method_at_its_largest_time_window() -> None:
    runs = [run_row(), run_row(seed="1"), run_row(time_steps="3"), run_row(method="ann", time_steps="1")]
    results = results_of(*runs)
    results.anytime.loc[results.anytime["run_key"] == runs[1]["run_key"], "accuracy"] += 0.2
    figure = drawn(accuracy_after_each_step(results.finished, results.anytime))
    line = next(line for line in figure.axes[0].lines if line.get_label() == "TSSL-BP, T = 5")
    assert np.asarray(line.get_xdata()).tolist() == [1, 2, 3, 4, 5]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([20, 30, 40, 50, 60])
    assert [tick for tick in figure.axes[0].get_xticks() if 1 <= tick <= 5] == [1, 2, 5]


def test_methods_of_which_the_accuracy_after_each_step_is_not_known_have_no_panel() -> None:
    results = results_of(*(run_row(method=name) for name in VARIANTS))
    unknown = results.finished.loc[results.finished["method"] == VARIANTS[0], "run_key"]
    known = results.anytime[~results.anytime["run_key"].isin(unknown)]
    figure = drawn(accuracy_after_each_step(results.finished, known))
    assert [axes.get_title() for axes in figure.axes] == [method_title(name) for name in VARIANTS[1:]]


def test_a_single_seed_has_neither_bands_nor_error_bars() -> None:
    one, two = results_of(run_row()), results_of(run_row(), run_row(seed="1", accuracy_last=0.8))
    two.epochs.loc[two.epochs.index[-1], "test_accuracy"] = 0.2
    assert [len(curves(results).axes[0].collections) for results in (one, two)] == [0, 1]
    figures = [drawn(accuracy_of_methods(results.finished)) for results in (one, two)]
    bars = [figure.axes[0].collections[0].get_segments()[0] for figure in figures]  # type: ignore[attr-defined]
    assert [len(bar) for bar in bars] == [0, 2]


def stressed() -> list[Drawing | None]:
    """Figures with long names, many layers and large layers."""
    results = results_of(
        *(run_row(method=name, accuracy_last=0.8 + 0.01 * n, latency_ms=0.1 + n) for n, name in enumerate(VARIANTS))
    )
    sizes = {f"layer{number}": 262_144 for number in range(1, 9)} | {"output": 10}
    few = with_details(results_of(run_row(), run_row(method="magic:" + 20 * "x")), sizes=sizes)
    many = with_details(results)
    return [
        accuracy_of_methods(results.finished),
        training_curves(results.finished, results.epochs),
        accuracy_after_each_step(results.finished, results.anytime),
        accuracy_against_cost(results.finished, ("latency_ms",)),
        silent_fraction_of_layers(many.finished, many.layers),
        silent_fraction_of_layers(few.finished, few.layers),
        histogram_of_spikes(many.finished, many.histogram),
        spikes_of_a_sample(few.finished, few.raster),
        confusion_matrix(few.finished, few.confusion),
    ]


def test_no_text_is_cut_off_or_overlaps() -> None:
    for figure in map(drawn, stressed()):
        texts = [text for axes in figure.axes for text in (axes.title, *drawn_labels(axes), *axes.texts)]
        boxes = {text: text.get_window_extent() for text in texts if text.get_text() and text.get_visible()}
        assert boxes
        cut = [
            text.get_text()
            for text, box in boxes.items()
            if not (figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1))
        ]
        assert not cut
        pairs = itertools.combinations(boxes.items(), 2)
        assert not [(a.get_text(), b.get_text()) for (a, one), (b, other) in pairs if one.overlaps(other)]


def drawn_labels(axes: Axes) -> list[Text]:
    """Labels of the axes without those of ticks beyond their ends."""
    labels = []
    for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
        place = 0 if axis is axes.xaxis else 1
        shown = axis.get_ticklabels() if axis.get_tick_params()["labelbottom" if place == 0 else "labelleft"] else []
        labels += [label for label in shown if low <= label.get_position()[place] <= high]
    return labels


def test_every_method_has_its_own_colour_that_is_seen_on_white_and_under_text() -> None:
    looks = styles()
    assert len({style.color for style in looks.values()}) == len(looks)
    for style in looks.values():
        assert brightness(style.color) <= 0.71
        assert abs(brightness(on_top_of(style.color)) - brightness(style.color)) > 0.3


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (5, 97.5, [50, 80, 90, 95]),
        (60, 99.9, [80, 90, 95, 98, 99, 99.5]),
        (81.9, 89.3, [82, 84, 86, 88]),
        (97.5, 98.5, [97.6, 97.8, 98.0, 98.2, 98.4]),
        (98, 102, [98, 98.5, 99, 99.5, 100]),
    ],
)
def test_ticks_of_accuracy_are_round_and_end_at_100(low: float, high: float, expected: list[float]) -> None:
    ticks = AccuracyLocator().tick_values(low, high)
    assert [tick for tick in ticks if low <= tick <= high] == pytest.approx(expected)


def test_an_axis_of_accuracy_does_not_blow_a_small_difference_up() -> None:
    figure = drawn(accuracy_of_methods(results_of(run_row(), run_row(method="stbp", accuracy_last=0.8901)).finished))
    low, high = figure.axes[0].get_xlim()
    assert high - low >= LEAST_SPAN


def test_a_mean_between_two_hundredths_reads_as_in_the_tables() -> None:
    accuracies = (0.8802, 0.8803)
    runs = [run_row(seed=str(seed), accuracy_last=value) for seed, value in enumerate(accuracies)]
    finished = results_of(*runs).finished
    (axes,) = drawn(accuracy_of_methods(finished)).axes
    assert [text.get_text() for text in axes.texts] == [percent(finished[LATE])]


def test_layers_that_do_not_spike_say_so_instead_of_showing_a_bar() -> None:
    runs = [run_row(), run_row(method="converted")]
    results = with_details(results_of(*runs))
    layers = results.layers
    without = layers[~((layers["run_key"] == runs[1]["run_key"]) & (layers["layer"] == "output"))]
    figure = drawn(silent_fraction_of_layers(results.finished, without))
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert written == [["75", "75"], ["75", "75"], ["no spikes", "75"]]


def test_a_histogram_has_the_share_of_each_number_of_spikes_over_the_hidden_layers() -> None:
    results = with_details(results_of(run_row(time_steps="2")))
    histogram = pd.DataFrame(
        [
            *(("layer1", True, spikes, pairs) for spikes, pairs in enumerate((60, 0, 20))),
            *(("layer3", True, spikes, pairs) for spikes, pairs in enumerate((10, 5, 5))),
            ("output", False, 0, 999),
        ],
        columns=["layer", "hidden", "spikes", "pairs"],
    ).assign(run_key=results.runs["run_key"].iloc[0])
    figure = drawn(histogram_of_spikes(results.finished, histogram))
    assert [bar.get_height() for bar in figure.axes[0].patches] == pytest.approx([70, 5, 25])  # type: ignore[attr-defined]
    assert figure.axes[0].texts[0].get_text() == "silent: 70 %"


def test_a_raster_has_the_output_on_top_and_a_filled_cell_for_each_spike() -> None:
    results = results_of(run_row(time_steps="2"))
    rows: list[tuple[Any, ...]] = [("layer1", 3, 0, "00"), ("layer1", 3, 2, "01"), ("output", 2, 0, "10")]
    raster = pd.DataFrame(rows, columns=["layer", "neurons", "neuron", "spikes"])
    raster = raster.assign(run_key=results.runs["run_key"].iloc[0], sample=0, label=0, decision=1)
    figure = drawn(spikes_of_a_sample(results.finished, raster))
    output, hidden = figure.axes
    assert output.get_title() == "TSSL-BP\nclass 0, decided as 1"
    assert output.images[0].get_array().tolist() == [[True, False], [False, False]]  # type: ignore[union-attr]
    assert hidden.images[0].get_array().tolist() == [[False, False], [False, False], [False, True]]  # type: ignore[union-attr]
    assert [label.get_text() for label in output.get_yticklabels()] == ["0", "1"]


def test_a_confusion_matrix_adds_the_seeds_of_one_method_up_and_leaves_zeros_out() -> None:
    results = with_details(results_of(run_row(), run_row(seed="1"), run_row(method="stbp", accuracy_last=0.99)))
    figure = drawn(confusion_matrix(results.finished, results.confusion))
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == ["16", "4", "", "", "20", "", "2", "", "18"]


def test_a_figure_is_written_as_png_and_svg_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    results = with_details(results_of(run_row(), run_row(seed="1")))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        figure = drawn(spikes_of_a_sample(results.finished, results.raster))
        save(figure, tmp_path / name, "made")
        # A layout is not the same to the last digit each time.
        places = [place for axes in figure.axes for place in axes.get_position().bounds]
        assert places == pytest.approx([round(place, 4) for place in places], abs=1e-12)
    for kind in ("png", "svg"):
        first, second = ((tmp_path / name / f"made.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second
        assert len(first) > 2000
    assert b"<dc:date>" not in (tmp_path / "first" / "made.svg").read_bytes()


def test_a_figure_is_drawn_once_for_its_layout_and_once_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    draw = Figure.draw

    def count(figure: Figure, renderer: Any) -> None:
        drawn.append(figure)
        draw(figure, renderer)

    monkeypatch.setattr(Figure, "draw", count)
    with mpl.rc_context({"figure.autolayout": True}):  # as someone may have it in a matplotlibrc
        save(canvas()[0], tmp_path, "made")
    assert len(drawn) == 1 + len(list(tmp_path.iterdir())) == 3


def test_figures_are_as_wide_as_a_page() -> None:
    assert canvas()[0].get_figwidth() == WIDTH
    assert to_rgb(on_top_of("black")) == (1.0, 1.0, 1.0)
