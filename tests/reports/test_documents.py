"""README, findings and committed reports show what the committed results say."""

import re
from pathlib import Path

import pytest

from reports.claims import all_claims
from reports.documents import DOCUMENTS, ROOT, Studies, committed, folders, write_again, written


@pytest.fixture(scope="module")
def studies() -> Studies:
    return committed()


@pytest.fixture(scope="module")
def readme() -> str:
    """As it is committed: the first test holds it to the results."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_tables_of_a_document_are_those_of_the_committed_files(path: Path, studies: Studies) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == written(text, DOCUMENTS[path](studies)), "run: python -m reports.documents"


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
@pytest.mark.usefixtures("blank_figures")
def test_a_committed_report_is_what_its_results_give(folder: Path, tmp_path: Path) -> None:
    write_again(folder, tmp_path)
    names = [path.name for path in sorted(tmp_path.iterdir()) if path.suffix in (".md", ".csv", ".json")]
    assert names == [path.name for path in sorted(folder.iterdir()) if path.suffix in (".md", ".csv", ".json")]
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), "run: python -m reports.documents"


def test_every_committed_study_is_in_the_readme_with_its_command(studies: Studies, readme: str) -> None:
    for name in studies:
        line = rf"\[{name}\]\(reports/rendered/{name}/report\.md\)\*\*[^`]*, made by `tssl reproduce "
        assert re.search(line, readme), name


def test_every_claim_is_in_the_readme_even_if_nothing_tests_it(readme: str) -> None:
    for claim in all_claims():
        assert f"| {claim.text}" in readme


def test_a_text_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- here: begin -->"):
        written("no markers", {"here": "new"})
    assert written("a<!-- here: begin -->old<!-- here: end -->z", {"here": "new"}) == (
        "a<!-- here: begin -->\n\nnew\n\n<!-- here: end -->z"
    )
