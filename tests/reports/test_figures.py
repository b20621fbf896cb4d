"""Figures: the right one for a study, everything on it legible."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from baselines.method import method_title
from reports.figures import MANY, accuracy_after_each_step, accuracy_of_methods, styles, training_curves
from reports.load import Results
from reports.render import write_report
from tests.reports.made import results_of, run_row


def test_a_study_of_one_t_gets_a_row_a_method_and_one_of_several_an_axis_of_t(tmp_path: Path) -> None:
    one = [run_row(), run_row(method="ann", time_steps="1", silent_fraction=None)]
    write_report(results_of(*one), tmp_path / "one", title="Made")
    write_report(results_of(*one, run_row(time_steps="10")), tmp_path / "two", title="Made")
    assert (tmp_path / "one" / "fashion_mnist_accuracy.png").is_file()
    assert not (tmp_path / "one" / "fashion_mnist_time_steps.png").is_file()
    assert (tmp_path / "two" / "fashion_mnist_time_steps.png").is_file()


def catch_figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collect figures instead of writing them."""
    saved: list[Figure] = []

    def save(figure: Figure, path: Path) -> None:
        saved.append(figure)

    monkeypatch.setattr("reports.figures._save", save)
    return saved


def titles_and_labels(results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, list[str]]]:
    """Title and legend of every pair of axes with training curves."""
    saved = catch_figures(monkeypatch)
    training_curves(results.finished, results.epochs, tmp_path / "unused.png")
    legends = [axes.get_legend() for axes in saved[0].axes]
    labels = [[text.get_text() for text in legend.get_texts()] if legend else [] for legend in legends]
    return [(axes.get_title(), of_axes) for axes, of_axes in zip(saved[0].axes, labels, strict=True)]


def test_more_methods_than_one_plot_can_hold_get_a_panel_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = sorted(name for name in styles() if name.startswith("tssl_bp"))
    few = results_of(*(run_row(method=name) for name in names[:MANY]))
    many = results_of(*(run_row(method=name) for name in names))
    expected = [f"{method_title(name)}, T = 5" for name in names[:MANY]]
    assert titles_and_labels(few, monkeypatch, tmp_path) == [("", expected)]
    assert titles_and_labels(many, monkeypatch, tmp_path) == [(method_title(name), []) for name in names]


def test_more_lines_than_one_plot_can_hold_get_panels_that_tell_the_time_steps_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps = ("2", "5", "10", "20")
    runs = [run_row(method=name, time_steps=T) for name in ("stbp", "tssl_bp") for T in steps]
    expected = [(title, [f"T = {T}" for T in steps]) for title in ("STBP", "TSSL-BP")]
    assert titles_and_labels(results_of(*runs), monkeypatch, tmp_path)[:2] == expected


def test_the_accuracy_after_each_step_has_a_panel_for_each_method_of_which_it_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = sorted(name for name in styles() if name.startswith("tssl_bp"))
    saved = catch_figures(monkeypatch)
    results = results_of(*(run_row(method=name) for name in names))
    unknown = results.finished.loc[results.finished["method"] == names[0], "run_key"]
    known = results.anytime[~results.anytime["run_key"].isin(unknown)]
    assert accuracy_after_each_step(results.finished, known, tmp_path / "unused.png")
    assert [axes.get_title() for axes in saved[0].axes] == [method_title(name) for name in names[1:]]
    ends = [np.asarray(line.get_xdata())[-1] for axes in saved[0].axes for line in axes.lines]
    assert set(ends) == {5}
    assert saved[0].axes[0].get_xticks().tolist() == [1, 2, 5]


def test_no_text_of_an_ablation_is_cut_off_or_overlaps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = results_of(*(run_row(method=name) for name in styles() if name.startswith("tssl_bp")))
    saved = catch_figures(monkeypatch)
    training_curves(results.finished, results.epochs, tmp_path / "unused.png")
    accuracy_of_methods(results.finished, tmp_path / "unused.png")
    accuracy_after_each_step(results.finished, results.anytime, tmp_path / "unused.png")
    assert len(saved) == 3
    for figure in saved:
        figure.savefig(io.BytesIO(), format="png")
        texts = [text for axes in figure.axes for text in (axes.title, *drawn_labels(axes), *axes.texts)]
        boxes = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
        assert len(boxes) > 12
        assert all(figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1) for box in boxes)
        assert not [(one, other) for one, other in itertools.combinations(boxes, 2) if one.overlaps(other)]


def drawn_labels(axes: Axes) -> list[Text]:
    """Labels of the vertical axis without those of ticks beyond its ends."""
    low, high = axes.get_ylim()
    return [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]


def test_every_method_has_its_own_colour() -> None:
    looks = styles()
    assert len({style.color for style in looks.values()}) == len(looks)
