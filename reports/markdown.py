"""Pieces of Markdown."""

import re
from collections.abc import Iterable

from markupsafe import Markup

SPECIAL = re.compile(r"[<|\n]|&(?=#?\w+;)|\](?=[\[(:])")
ESCAPES = {"<": "&lt;", "&": "&amp;", "|": r"\|", "\n": " ", "]": r"\]"}
"""What would be read as HTML, as the border of a cell, as the end of a row or as a link."""

ADDRESS = re.compile(r"(https?://|(?!//)(?![A-Za-z][\w+.-]*:))[^\s()<>]+")
"""Of a page on the web, or a relative path: others may run something when they are followed."""


def escape_markdown(value: object) -> Markup:
    """Return a value as text that stands in a paragraph or a cell as it is; `Markup` is Markdown already."""
    if isinstance(value, Markup):
        return value
    return Markup(SPECIAL.sub(lambda found: ESCAPES[found.group()], str(value)))


def code(text: str) -> Markup:
    """Return text in the letters of code, in which HTML means nothing."""
    # More backticks than any in the text, which would else end it.
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 else ""
    return Markup(fence + space + " ".join(text.splitlines()).replace("|", r"\|") + space + fence)


def link(text: str, address: str) -> Markup:
    """Return text that leads to an address.

    Raises
    ------
    ValueError
        If that is neither a page on the web nor a relative path.
    """
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"a link leads to {address!r}; expected https://, http:// or a relative path")
    return Markup(f"[{escape_markdown(text)}]({address})")


def join_words(words: Iterable[object], separator: str = ", ") -> Markup:
    """Join words, each escaped for Markdown: Jinja's own ``join`` escapes for HTML."""
    return Markup(separator).join(map(escape_markdown, words))


def compact_table(text: str) -> Markup:
    """Put a line under the first row of a table; cells are not padded, so that a change is one of a line."""
    head, *rows = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.strip().splitlines())
    return Markup("\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)))


def figures_in(text: str) -> set[str]:
    """Names of the figures' files to which a text leads, of those in its own folder."""
    return set(re.findall(r"\]\(([^()/]+\.(?:png|svg|gif))\)", text))
