"""Turn the model of a report into Markdown and HTML, by the files in ``templates``."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown import Markdown
from markupsafe import Markup

from reports.markdown import code, compact_table, escape_markdown, join_words
from reports.model import Block, Note, Report, Table


def make_environment(finalize: Callable[[Any], Any] | None = None) -> Environment:
    """Return what reads the files in ``templates``; `finalize` is given whatever they print."""
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


# Whatever is printed is escaped for Markdown, so that nothing is left to be escaped for HTML.
_MARKDOWN, _HTML = make_environment(escape_markdown), make_environment()


def call_macro(template: str, macro: str, **values: Any) -> Markup:
    """Return the Markdown of a macro, without empty lines at its ends."""
    text: Markup = getattr(_MARKDOWN.get_template(template).module, macro)(**values)
    return text.strip()


def note_text(note: Note) -> Markup:
    """Return the Markdown of a note: one paragraph or list, whatever of it is left out."""
    lines = call_macro("notes.md.j2", note.name, **note.values).splitlines()
    return Markup("\n").join(line.strip() for line in lines if line.strip())


def blocks_to_markdown(*blocks: Block) -> str:
    """Return tables, notes and ledgers as Markdown, with an empty line between them."""
    return str(call_macro("blocks.md.j2", "blocks", content=blocks))


def frame_to_markdown(frame: pd.DataFrame) -> str:
    """Return a data frame as a Markdown table."""
    return blocks_to_markdown(Table.of(frame))


def report_to_markdown(report: Report) -> str:
    """Return a report as Markdown."""
    return _MARKDOWN.get_template("report.md.j2").render(report=report).strip() + "\n"


def report_to_html(report: Report, images: Mapping[str, str]) -> str:
    """Return a report as one HTML page.

    Parameters
    ----------
    report : Report
        Its model.
    images : mapping of str to str
        Address of each picture by its stem.
    """
    return _HTML.get_template("report.html.j2").render(report=report, images=images) + "\n"


def note_to_html(note: Note) -> Markup:
    """Return a note as HTML; tags that are in its Markdown are shown and not obeyed."""
    converter = Markdown(extensions=["tables"], output_format="html")
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.deregister("html")
    return Markup(converter.convert(note_text(note)))


_MARKDOWN.filters |= {"compact_table": compact_table, "code": code, "join_words": join_words, "note_text": note_text}
_HTML.filters["note_to_html"] = note_to_html
