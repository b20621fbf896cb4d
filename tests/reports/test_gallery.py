"""Which figures a study gets, what is said below them, and why one is left out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from matplotlib.figure import Figure

from baselines.method import method_title
from reports.figures import drawing
from reports.figures.drawing import seed_counts
from reports.figures.gallery import LEFT_OUT, draw_figures
from reports.figures.style import heading_of, style_of
from reports.kernel_times import kernel_times
from reports.load import ReportError, Results, results_from_csv
from reports.model import Note, Picture
from reports.settings import label_methods_by_setting
from reports.templating import blocks_to_markdown, note_text
from tests.reports.made import results_of, run_row
from tests.reports.made_details import with_details

BENCHMARKS = Path(__file__).parents[2] / "docs" / "benchmarks.json"
ALL = ["time_steps", "anytime", "latency", "energy", "training", "silent", "spikes", "raster", "confusion"]


@pytest.fixture(autouse=True)
def unsaved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Keep figures instead of writing them, which takes most of the time."""
    saved: dict[str, Figure] = {}

    def save(figure: Figure, folder: Path, stem: str) -> None:
        del folder
        assert stem not in saved
        saved[stem] = figure

    monkeypatch.setattr(drawing, "save", save)
    return saved


class Shown(NamedTuple):
    heading: str
    alt: str
    caption: str


def sections_of(results: Results) -> dict[str, Shown]:
    """What there is to show by the stem of its file, and under the empty stem what is left out."""
    shown = {}
    for section in draw_figures(results, Path("unused")):
        (block,) = section.blocks
        if isinstance(block, Picture):
            shown[block.stem] = Shown(section.title, block.alt, words_of(block.caption))
        else:
            assert isinstance(block, Note)
            shown[""] = Shown(section.title, "", note_text(block))
    return shown


def words_of(note: Note) -> str:
    return " ".join(note_text(note).split())


def stems(*suffixes: str, begin: str = "fashion_mnist") -> set[str]:
    return {f"{begin}_{suffix}" for suffix in suffixes}


def study() -> Results:
    runs = [
        run_row(seed=seed, time_steps=T, energy_nj=2.0 * int(T), latency_ms=int(T) / 10) for T in "25" for seed in "01"
    ]
    ann = run_row(method="ann", time_steps="1", energy_nj=1.0, silent_fraction=None)
    return with_details(results_of(*runs, ann))


def test_a_study_with_everything_gets_every_figure_each_with_a_caption() -> None:
    sections = sections_of(study())
    assert set(sections) == stems(*ALL)
    for section in sections.values():
        assert section.caption.endswith(".")
        assert "FashionMNIST" in section.heading
        assert section.alt
    assert "Mean over 1 to 2 seeds" in sections["fashion_mnist_time_steps"].caption
    assert "At T = 5. Mean over 2 seeds; error bars are" in sections["fashion_mnist_silent"].caption
    assert "At T = 5, one run each, of seed 0." in sections["fashion_mnist_raster"].caption
    assert "TSSL-BP at T = 5, added up over 2 seeds" in sections["fashion_mnist_confusion"].caption


def test_a_study_without_details_says_in_a_line_each_why_figures_are_left_out() -> None:
    sections = sections_of(results_of(run_row()))
    assert set(sections) == stems("accuracy", "anytime", "training") | {""}
    left_out = sections[""]
    assert left_out.heading == f"{LEFT_OUT}: FashionMNIST"
    assert "- Confusion matrix: no decisions were recorded by class for these runs." in left_out.caption
    assert left_out.caption.count("\n") == 5


def test_missing_cells_an_unknown_method_and_failed_runs_leave_the_rest_as_it_is() -> None:
    runs = [
        run_row(time_steps="5", latency_ms=1.0),
        run_row(time_steps="10", seed="1", latency_ms=2.0),
        run_row(method="magic:new", time_steps="10", latency_ms=3.0),
        run_row(method="stbp", status="failed", accuracy_last=None, accuracy_best=None),
        run_row(method="ann", time_steps="1", latency_ms=None, silent_fraction=None),
    ]
    sections = sections_of(with_details(results_of(*runs)))
    assert set(sections) == stems(*(name for name in ALL if name != "energy")) | {""}
    assert "At T = 5. Not known of magic, new. One seed each, so there are no error bars." in (
        sections["fashion_mnist_silent"].caption
    )


def test_a_study_without_spiking_methods_has_no_figure_of_time_or_spikes() -> None:
    sections = sections_of(with_details(results_of(run_row(method="ann", time_steps="1", silent_fraction=None))))
    assert set(sections) == stems("accuracy", "training", "confusion") | {""}


def test_runs_that_do_not_compare_have_figures_of_their_own_named_by_what_differs() -> None:
    results = results_of(run_row(), run_row(epochs="5"), run_row(epochs="5", train_samples="100"))
    sections = sections_of(results)
    headings = [sections[f"fashion_mnist_{number}_training"].heading for number in (1, 2, 3)]
    assert headings == [
        "Training curves: FashionMNIST 5 epochs, 100 train samples",
        "Training curves: FashionMNIST 5 epochs, all train samples",
        "Training curves: FashionMNIST 100 epochs, all train samples",
    ]


def test_without_any_finished_run_there_are_no_figures() -> None:
    assert draw_figures(results_of(run_row(status="failed", accuracy_last=None)), Path("unused")) == []


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([["0"], ["0"]], "One seed each, so there are no bands."),
        ([["0", "1"], ["0", "1"]], "Mean over 2 seeds; bands are one standard deviation."),
        ([["0"], ["0", "1"]], "Mean over 1 to 2 seeds; bands are one standard deviation where there are several."),
    ],
)
def test_a_caption_says_over_how_many_seeds_and_what_bands_are(seeds: list[list[str]], expected: str) -> None:
    runs = [run_row(method=name, seed=s) for name, of in zip(("stbp", "tssl_bp"), seeds, strict=True) for s in of]
    note = Note("training_figure", {"seeds": seed_counts(results_of(*runs).finished)})
    assert words_of(note) == f"{expected} The accuracy axis is logarithmic in the error rate plus half a point."


def test_the_report_shows_each_png_with_a_link_to_its_svg() -> None:
    text = blocks_to_markdown(Picture("a", "An A", Note("accuracy_figure", {"seeds": {"least": 1, "most": 1}})))
    assert text.startswith("[![An A](a.png)](a.svg)\n\nSmall dots are runs.\nOne seed each")


def test_times_of_kernels_come_from_the_benchmarks_and_go_with_the_csv(tmp_path: Path) -> None:
    kernels = kernel_times(BENCHMARKS)
    content = json.loads(BENCHMARKS.read_text())
    entries = [entry["extra_info"] for entry in content["benchmarks"]]
    (measured,) = [
        entry["milliseconds"]
        for entry in entries
        if entry.get("label") == "[5, 50, 32, 28, 28]" and entry["work"] == "neuron"
    ]
    reference = kernels[kernels["what"] == "reference"].set_index(["time_steps", "neurons"])
    assert reference.loc[(5, 50 * 32 * 28 * 28), "milliseconds"] == pytest.approx(
        measured["reference forward"] + measured["reference backward"]
    )
    assert kernels[(kernels["what"] == "kernels") & (kernels["neurons"] == 100_000)]["time_steps"].tolist() == [
        *(1, 2, 5, 10, 20, 50, 100)
    ]
    replace(results_of(run_row()), kernels=kernels).write(tmp_path)
    again = results_from_csv(tmp_path, "made")
    pd.testing.assert_frame_equal(again.kernels, kernels)
    caption = sections_of(again)["kernels"].caption
    processor = content["machine_info"]["cpu"]["brand_raw"]
    assert caption.endswith(f"Measured by `nox -s bench` on {processor} with {entries[0]['threads']} threads.")


@pytest.mark.parametrize("content", ["", "{}", '{"benchmarks": [], "machine_info": {"cpu": {}}}'])
def test_a_file_without_times_of_kernels_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(content)
    with pytest.raises(ReportError, match="nox -s bench"):
        kernel_times(path)


def test_the_line_of_the_kernels_joins_layers_of_one_size(unsaved: dict[str, Figure]) -> None:
    failed = results_of(run_row(status="failed", accuracy_last=None))
    sections_of(replace(failed, kernels=kernel_times(BENCHMARKS)))
    lines = [line for line in unsaved["kernels"].axes[0].lines if line.get_linestyle() == "-"]
    assert [len(line.get_xydata()) for line in lines] == [0, 7, 7]  # type: ignore[arg-type]


def test_figures_do_not_average_cells_that_differ_in_a_parameter_alone() -> None:
    rows = [run_row(cell_key=key, seed=seed) for key, seed in (("aaaaaaa", "0"), ("bbbbbbb", "1"))]
    rows += [run_row(method="tssl_bp:single-filter", cell_key="c", time_steps=steps) for steps in ("2", "5")]
    finished = label_methods_by_setting(results_of(*rows).finished)
    assert set(finished["method"]) == {"tssl_bp:aaaaaa", "tssl_bp:bbbbbb", "tssl_bp:single-filter"}
    assert method_title(finished["method"].iloc[0]) == "TSSL-BP, aaaaaa"
    assert style_of("tssl_bp:aaaaaa") == style_of("tssl_bp")
    assert style_of("tssl_bp:clamp-10, aaaaaa") == style_of("tssl_bp:clamp-10") != style_of("tssl_bp")


def test_settings_of_one_method_have_a_panel_each_as_they_have_one_colour(unsaved: dict[str, Figure]) -> None:
    rows = [run_row(method="stbp", cell_key=key) for key in ("aaaaaaa", "bbbbbbb")]
    sections_of(results_of(*rows))
    panels = [axes for axes in unsaved["fashion_mnist_training"].axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["STBP, aaaaaa", "STBP, bbbbbb"]
    unsaved.clear()
    sections_of(results_of(rows[0], run_row()))
    assert [axes.get_title() for axes in unsaved["fashion_mnist_training"].axes] == [""]


def test_long_titles_of_panels_are_broken_into_lines() -> None:
    assert heading_of("tssl_bp:clamp-10") == "TSSL-BP, clamp-10"
    assert heading_of("tssl_bp:paper-2020-06, rate = 0.0002") == "TSSL-BP, paper-2020-06,\nrate = 0.0002"
