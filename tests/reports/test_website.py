"""What is laid out for the website: every document, report and module is on it and in its menu."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.documents import ROOT
from reports.load import ReportError, committed_folders
from reports.website import adapt, api_pages, linked_files, navigation, write_website, written_pages


def pages_in(menu: Any) -> Iterator[str]:
    """Pages of a menu, however deep they are."""
    if isinstance(menu, str):
        yield menu
    else:
        for part in menu.values() if isinstance(menu, dict) else menu:
            yield from pages_in(part)


def test_every_document_and_report_is_a_page() -> None:
    pages = written_pages()
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")} <= set(pages)
    assert {f"reports/rendered/{name}/report.md" for name in committed_folders()} <= set(pages)
    assert "README.md" in pages


def test_every_public_module_is_in_the_api_once() -> None:
    text = "".join(api_pages().values())
    for name in ("tssl_core.psc", "baselines.tssl_bp", "benchmarks.training.training", "reports.leaderboard"):
        assert text.count(f"\n::: {name}\n") == 1
    assert "__init__" not in text


def test_a_page_that_nobody_has_named_is_in_the_menu_all_the_same() -> None:
    menu = navigation(["README.md", "leaderboard.md", "docs/running.md", "docs/new.md", "api/tssl_core.md"])
    assert {"docs/running.md", "docs/new.md", "api/tssl_core.md"} <= set(pages_in(menu))


def test_what_is_folded_up_is_read_as_markdown() -> None:
    assert adapt("README.md", "<details><summary>More</summary>") == ('<details markdown="1"><summary>More</summary>')


def test_a_diagram_becomes_the_drawing_of_this_very_diagram() -> None:
    text = adapt("docs/architecture.md", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert "```mermaid" not in text
    assert "](../assets/diagrams/" in text
    with pytest.raises(ReportError, match=r"not drawn: npx @mermaid-js/mermaid-cli .* docs/website/diagrams/\w+\.svg"):
        adapt("docs/new.md", "```mermaid\nflowchart LR\n    a --> b\n```\n")


def test_files_that_pages_link_to_come_along_but_not_addresses_or_pages() -> None:
    pages = {
        "docs/a.md": "[b](b.md) [c](../setup.py#here) [d](https://example.org/x.py) ![e](mlflow_runs.png)",
        "docs/b.md": "",
    }
    assert linked_files(pages) == {"setup.py", "docs/mlflow_runs.png"}


def test_the_menu_and_the_folder_have_the_same_pages(tmp_path: Path) -> None:
    write_website(tmp_path)
    menu = json.loads((tmp_path / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = {path.relative_to(tmp_path / "pages").as_posix() for path in (tmp_path / "pages").rglob("*.md")}
    assert sorted(pages_in(menu)) == sorted(pages)
    assert (tmp_path / "pages" / "assets" / "leaderboard.js").is_file()
    assert (tmp_path / "pages" / "reports" / "rendered" / "digits" / "results.csv").is_file()
