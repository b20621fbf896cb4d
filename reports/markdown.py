"""Pieces of Markdown."""

import re
from collections.abc import Iterable

from markupsafe import Markup

SPECIAL = re.compile(r"[<|\n]|&(?=#?\w+;)")
ESCAPES = {"<": "&lt;", "&": "&amp;", "|": r"\|", "\n": " "}
"""What would be read as HTML, as the border of a cell or as the end of a row."""


def escape_markdown(value: object) -> Markup:
    """Return a value as text that stands in a paragraph or a cell as it is; `Markup` is Markdown already."""
    if isinstance(value, Markup):
        return value
    return Markup(SPECIAL.sub(lambda found: ESCAPES[found.group()], str(value)))


def code(text: str) -> Markup:
    """Return text in the letters of code, in which HTML means nothing."""
    return Markup("`{}`".format(text.replace("|", r"\|")))


def link(text: str, address: str) -> Markup:
    """Return text that leads to an address."""
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
