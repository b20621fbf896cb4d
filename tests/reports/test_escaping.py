"""What a run says is text in a report: neither HTML nor a way out of code nor a link that runs something."""

import re

import pytest
from markdown import Markdown

from reports.markdown import code, escape_markdown, link


def html_of(markdown: str) -> str:
    """As a viewer shows it that obeys all of Markdown."""
    return Markdown(extensions=["tables"], output_format="html").convert(markdown)


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](data:text/html,y)",
        "![x](http://spy/pixel.png)",
        "<img src=x onerror=alert(1)>",
        "<javascript:alert(1)>",
        "`<img src=x>`",
        "[x][y]\n\n[y]: javascript:alert(1)",
    ],
)
def test_what_a_run_says_holds_no_link_and_no_html(text: str) -> None:
    for markdown in (str(escape_markdown(text)), str(code(text)), f"begin {code(text)} end {code(text)}"):
        shown = html_of(markdown)
        assert not re.search(r"<(a|img|script)\b", shown), shown


def test_code_with_backticks_stays_code() -> None:
    assert html_of(f"say {code('a `<b>` c')} twice") == "<p>say <code>a `&lt;b&gt;` c</code> twice</p>"
    assert code("plain") == "`plain`"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//host/x", " http://x", "a b", "x)y"])
def test_a_link_leads_only_to_the_web_or_a_file_of_the_report(address: str) -> None:
    with pytest.raises(ValueError, match=r"expected https://, http:// or a relative path"):
        link("text", address)
    for good in ("https://host/a?b=c#d", "http://host", "figure.png", "../docs/x.md#part"):
        assert link("text", good) == f"[text]({good})"
