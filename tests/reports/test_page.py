"""The HTML page: everything in one file, nothing from elsewhere, and what the Markdown says."""

import re
from html.parser import HTMLParser
from pathlib import Path

from reports.page import MOST_BYTES, PAGE_FILE, write_page
from reports.render import write_report
from tests.reports.made import results_of, run_row


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags_of(path: Path) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.found


def test_a_page_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    write_report(results_of(run_row(), run_row(seed="1"), run_row(method="stbp")), tmp_path, title="Made & sold")
    tags = tags_of(tmp_path / PAGE_FILE)
    images = [attributes["src"] or "" for tag, attributes in tags if tag == "img"]
    assert images
    assert all(source.startswith("data:image/") for source in images)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags}
    style = (tmp_path / PAGE_FILE).read_text(encoding="utf-8").partition("</style>")[0]
    assert "url(" not in style
    assert "<title>Made &amp; sold</title>" in style


def test_a_page_has_the_tables_and_the_verdicts_of_the_report_in_words(tmp_path: Path) -> None:
    report = write_report(results_of(*(run_row(seed=str(seed)) for seed in range(3))), tmp_path, title="Made")
    page = (tmp_path / PAGE_FILE).read_text(encoding="utf-8")
    assert page.count("<table>") == len(re.findall(r"^\|:?-", report.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert '<span class="verdict reproduced">reproduced</span>' in page
    assert '<span class="verdict not-run">not run</span>' in page
    assert "🟢" not in page


def test_a_drawing_with_very_many_lines_goes_in_as_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"pixels")
    (tmp_path / "report.md").write_text("# A\n\n[![a](a.png)](a.svg)\n")
    for size, kind in ((10, "svg+xml"), (MOST_BYTES + 1, "png")):
        (tmp_path / "a.svg").write_bytes(b"x" * size)
        (source,) = [
            attributes["src"] for tag, attributes in tags_of(write_page(tmp_path / "report.md")) if tag == "img"
        ]
        assert (source or "").startswith(f"data:image/{kind};base64,")


def test_what_a_run_says_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    failed = run_row(status="failed", reason="<script>alert(1)</script>")
    write_report(results_of(run_row(), {**failed, "run_key": "x", "seed": "9"}), tmp_path, title="Made")
    assert "script" not in {tag for tag, _ in tags_of(tmp_path / PAGE_FILE)}
