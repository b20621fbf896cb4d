"""The README shows what the committed results say, and nothing that was typed."""

import pytest

from reports.claims import all_claims
from reports.readme import RENDERED, ROOT, blocks, written


@pytest.fixture(scope="module")
def contents() -> dict[str, str]:
    return blocks()


def test_the_results_in_the_readme_are_those_of_the_committed_files(contents: dict[str, str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == written(text, contents), "run: python -m reports.readme"


def test_every_committed_study_is_in_the_block_with_its_command(contents: dict[str, str]) -> None:
    for folder in RENDERED.iterdir():
        expected = f"[{folder.name}](reports/rendered/{folder.name}/report.md)**, made by `tssl reproduce "
        assert expected in contents["results"]


def test_every_claim_is_in_the_readme_even_if_nothing_tests_it(contents: dict[str, str]) -> None:
    for claim in all_claims():
        assert f"| {claim.text}" in contents["claims"]


def test_a_text_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- here: begin -->"):
        written("no markers", {"here": "new"})
    assert written("a<!-- here: begin -->old<!-- here: end -->z", {"here": "new"}) == (
        "a<!-- here: begin -->\n\nnew\n\n<!-- here: end -->z"
    )
