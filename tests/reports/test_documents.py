"""README, findings and committed reports show what the committed results say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.config.nested import flatten
from benchmarks.study.study import load_study
from benchmarks.study.tuned import read_tuned
from reports.claims import places_of_the_paper
from reports.contents import report_of
from reports.documents import (
    DOCUMENTS,
    RENDERED,
    ROOT,
    TUNED,
    Studies,
    committed,
    replace_blocks,
    title_of,
    write_again,
)
from reports.figures.gallery import LEFT_OUT
from reports.figures.style import save
from reports.load import committed_folders
from reports.markdown import figures_in
from reports.recheck import config_of, rows_of
from reports.render import REPORT_FILE
from reports.templating import report_to_markdown
from reports.tuning import FIGURE, tuning_curves


@pytest.fixture(scope="module")
def studies() -> Studies:
    return committed()


@pytest.fixture(scope="module")
def results() -> str:
    """As they are committed: the first test holds them to the CSV files."""
    return (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_tables_of_a_document_are_those_of_the_committed_files(path: Path, studies: Studies) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == replace_blocks(text, DOCUMENTS[path](studies)), "run: python -m reports.documents"


def without_figures(text: str) -> list[str]:
    """Sections of a report that are not about its figures, which take long to draw."""
    return [part.strip() for part in text.split("\n## ") if "](" not in part and not part.startswith(LEFT_OUT)]


@pytest.mark.parametrize("folder", committed_folders().values(), ids=lambda folder: folder.name)
def test_the_tables_of_a_committed_report_are_what_its_results_give(folder: Path, studies: Studies) -> None:
    text = (folder / REPORT_FILE).read_text(encoding="utf-8")
    again = report_to_markdown(report_of(studies[folder.name], title=title_of(folder)))
    assert without_figures(again) == without_figures(text), "run: python -m reports.documents"


@pytest.mark.parametrize("name", ["digits", "sequences"])
@pytest.mark.usefixtures("blank_figures")
def test_a_committed_report_written_again_is_the_same(name: str, tmp_path: Path) -> None:
    folder = RENDERED / name
    write_again(folder, tmp_path)
    names = [path.name for path in sorted(tmp_path.iterdir()) if path.suffix in (".md", ".csv", ".json")]
    assert names == [path.name for path in sorted(folder.iterdir()) if path.suffix in (".md", ".csv", ".json")]
    for file in names:
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes(), "run: python -m reports.documents"


@pytest.mark.parametrize("folder", committed_folders().values(), ids=lambda folder: folder.name)
def test_a_committed_report_shows_all_figures_that_lie_beside_it(folder: Path) -> None:
    beside = {path.name for path in folder.iterdir() if path.suffix in (".png", ".svg", ".gif")}
    assert beside == figures_in((folder / REPORT_FILE).read_text(encoding="utf-8"))


def test_reports_are_few_and_the_first_line_of_each_says_what_it_is_for() -> None:
    titles = {name: title_of(folder) for name, folder in committed_folders().items()}
    assert len(titles) <= 10
    assert {name for name, title in titles.items() if ": " not in title} == set()


def test_every_committed_study_is_in_the_results_with_its_command(studies: Studies, results: str) -> None:
    for name in studies:
        line = rf"\[{name}\]\(\.\./reports/rendered/{name}/report\.md\)\*\*[^`]*, made by `tssl reproduce "
        assert re.search(line, results), name


def test_every_committed_run_has_the_configuration_of_its_key(studies: Studies) -> None:
    for study in studies.values():
        for run in rows_of(study.runs):
            assert config_of(run).run_key == run["run_key"]


def test_every_claim_of_the_paper_is_in_the_results_even_if_nothing_tests_it(results: str) -> None:
    for claim, place in places_of_the_paper():
        line = rf"^\| {re.escape(claim.text)}(: [^|]*, {re.escape(place.network)})? \|"
        assert re.search(line, results, re.MULTILINE), line


@pytest.mark.parametrize("name", ["README.md", "docs/findings.md"])
def test_the_pages_that_are_read_first_are_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 150


def test_tables_of_documents_are_not_padded() -> None:
    for path in DOCUMENTS:
        for block in BLOCK.finditer(path.read_text(encoding="utf-8")):
            assert "  |" not in block.group(), path.name


NUMBER = re.compile(r"(?<![\w.])\d+\.(\d+)")
BLOCK = re.compile(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", re.DOTALL)
REPORT = re.compile(r"reports/rendered/\w+/report\.md")


def without_source(section: str) -> Iterator[str]:
    """Decimal numbers in the text of a section that round none in its tables and in the reports to which it links."""
    evidence = [block.group() for block in BLOCK.finditer(section)]
    evidence += [(ROOT / path).read_text(encoding="utf-8") for path in set(REPORT.findall(section))]
    known = {float(found.group()) for text in evidence for found in NUMBER.finditer(text)}
    for found in NUMBER.finditer(BLOCK.sub("", section)):
        half = 0.5 * 10.0 ** -len(found.group(1))
        if not any(abs(value - float(found.group())) <= half + 1e-9 for value in known):
            yield found.group()


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "docs" / "findings.md"], ids=lambda path: path.name)
def test_each_number_about_results_stands_in_a_table_or_a_linked_report_of_its_section(path: Path) -> None:
    sections = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    about_results = [section for section in sections if REPORT.search(section)]
    assert about_results
    assert {section.partition("\n")[0]: [*without_source(section)] for section in about_results} == {
        section.partition("\n")[0]: [] for section in about_results
    }


def test_a_number_that_no_table_has_is_found() -> None:
    table = "<!-- t: begin -->\n| 92.15 ± 0.12 | [+0.48] |\n<!-- t: end -->\n"
    assert list(without_source(table + "92.15, 92.1 or 92.2, and 0.5 points; T = 3, v1.2.3")) == []
    assert list(without_source(table + "92.3, -0.10 and 92.151")) == ["92.3", "0.10", "92.151"]


def test_the_figure_of_what_was_tuned_is_that_of_its_file(tmp_path: Path) -> None:
    save(tuning_curves(read_tuned(TUNED)), tmp_path, FIGURE)
    for name in (f"{FIGURE}.png", f"{FIGURE}.svg"):
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes(), "python -m reports.documents"


def test_what_was_tuned_is_what_its_study_trains() -> None:
    tuned = read_tuned(TUNED)
    configs = [cell.config for cell in load_study("fashion_mnist_tuned", profile="quick").cells]
    assert {config.method for config in configs} == set(tuned.methods)
    assert {config.seed for config in configs} == {1, 2, 3, 4, 5}
    for config in configs:
        found = dict(flatten(tuned.methods[config.method]))
        assert found.items() <= dict(flatten(config.model_dump())).items()


def test_a_text_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- here: begin -->"):
        replace_blocks("no markers", {"here": "new"})
    assert replace_blocks("a<!-- here: begin -->old<!-- here: end -->z", {"here": "new"}) == (
        "a<!-- here: begin -->\n\nnew\n\n<!-- here: end -->z"
    )
