"""The README shows what the committed results say, and nothing that was typed."""

import pytest

from reports.readme import BEGIN, END, RENDERED, ROOT, results_block, with_results


def test_the_results_in_the_readme_are_those_of_the_committed_files() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == with_results(text, results_block()), "run: python -m reports.readme"


def test_every_committed_study_is_in_the_block_with_its_command() -> None:
    block = results_block()
    for folder in RENDERED.iterdir():
        assert f"[{folder.name}](reports/rendered/{folder.name}/report.md)**, made by `tssl reproduce " in block


def test_a_text_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_results("no markers", "block")
    assert with_results(f"a{BEGIN}old{END}z", "new") == f"a{BEGIN}\n\nnew\n\n{END}z"
