"""Pieces of Markdown."""

import re

import pandas as pd


def table_of(table: pd.DataFrame) -> str:
    """Print a table, every value as it stands."""
    escaped = table.map(lambda value: str(value).replace("|", "\\|"))
    return escaped.to_markdown(index=False, disable_numparse=True)


def figure(stem: str, alt: str, *, animated: bool = False) -> str:
    """Show ``stem.png``, which leads to ``stem.svg``, or ``stem.gif``."""
    if animated:
        return f"![{alt}]({stem}.gif)"
    return f"[![{alt}]({stem}.png)]({stem}.svg)"


def figures_in(text: str) -> set[str]:
    """Names of the files that `figure` shows and leads to, of those in the folder of the text itself."""
    return set(re.findall(r"\]\(([^()/]+\.(?:png|svg|gif))\)", text))
