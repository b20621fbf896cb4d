"""The HTML page: everything in one file, nothing from elsewhere, and what the Markdown says."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from reports.contents import report_of
from reports.markdown import code, escape_markdown
from reports.model import Note, Picture, Report, Section, Table
from reports.render import MOST_BYTES, PAGE_FILE, image_address, write_report
from reports.templating import blocks_to_markdown, report_to_html
from tests.reports.made import markdown_of, results_of, run_row


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def test_a_page_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    write_report(results_of(run_row(), run_row(seed="1"), run_row(method="stbp")), tmp_path, title="Made & sold")
    page = (tmp_path / PAGE_FILE).read_text(encoding="utf-8")
    tags = tags_of(page)
    images = [attributes["src"] or "" for tag, attributes in tags if tag == "img"]
    assert images
    assert all(source.startswith("data:image/") for source in images)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags}
    style = page.partition("</style>")[0]
    assert "url(" not in style
    assert "<title>Made &amp; sold</title>" in style


def test_a_page_has_the_tables_and_the_verdicts_of_the_report_in_words() -> None:
    rows = [run_row(seed=str(seed), accuracy_best=0.9 + 0.0001 * seed) for seed in range(3)]
    results = results_of(*rows)
    page = report_to_html(report_of(results, title="Made"), {})
    assert page.count("<table>") == len(re.findall(r"^\| ---", markdown_of(results), flags=re.MULTILINE))
    assert '<span class="verdict reproduced">reproduced</span>' in page
    assert '<span class="verdict not-run">not run</span>' in page
    assert (
        "<code>nox -s reproduce_fashion_mnist -- --profile paper --set &#39;grid.time_steps=[5,20]&#39;</code>" in page
    )
    assert "<strong>Reproduced</strong>: the whole" in page
    assert "🟢" not in page
    targets = {attributes["href"] for tag, attributes in tags_of(page) if tag == "a"}
    assert targets == {f"#{attributes['id']}" for tag, attributes in tags_of(page) if tag == "h2"}


def test_a_drawing_with_very_many_lines_goes_in_as_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"pixels")
    for size, kind in ((10, "svg+xml"), (MOST_BYTES + 1, "png")):
        (tmp_path / "a.svg").write_bytes(b"x" * size)
        address = image_address(Picture("a", "a", Note("reach_figure")), tmp_path)
        assert address.startswith(f"data:image/{kind};base64,")


def test_what_a_run_says_cannot_become_part_of_the_page_or_of_the_table() -> None:
    failed = run_row(status="failed", reason="<script>alert(1)</script> | a\nb &lt;")
    results = results_of(run_row(), {**failed, "run_key": "x", "seed": "9"})
    page = report_to_html(report_of(results, title="Made"), {})
    assert "script" not in {tag for tag, _ in tags_of(page)}
    assert "&lt;script&gt;alert(1)&lt;/script&gt; | a\nb &amp;lt;" in page
    assert r"&lt;script>alert(1)&lt;/script> \| a b &amp;lt;" in markdown_of(results)


def test_a_note_on_a_page_is_html_but_tags_in_what_it_says_are_text() -> None:
    note = Note("confusion_figure", {"method": "<b>|", "time_steps": 5, "runs": 2})
    page = report_to_html(Report("Made", note, [Section("A", [note])]), {})
    assert page.count("the decision of &lt;b&gt;| at T = 5,\nadded up over 2 seeds;") == 2


def test_cells_that_are_markdown_already_are_not_escaped() -> None:
    table = Table.of(pd.DataFrame({"a": [code("<x>"), "<x>", 1]}))
    head, _, *rows = ("".join(line.split()) for line in blocks_to_markdown(table).splitlines())
    assert [head, *rows] == ["|a|", "|`<x>`|", "|&lt;x>|", "|1|"]
    assert escape_markdown("Zhang & Li") == "Zhang & Li"
