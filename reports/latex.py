"""The main tables of a report as LaTeX, to be put into a paper: ``tssl report STUDY --latex``."""

import re

from markupsafe import Markup

from reports.contents import ACCURACY, ANSWER, CLAIMS
from reports.model import Ledger, Report, Table
from reports.templating import make_environment

LATEX_FILE = "tables.tex"

MAIN = (ANSWER, CLAIMS, ACCURACY)
"""Titles of the sections whose tables are written: methods by T, the paper's claims, accuracy."""

ESCAPES = {
    **{character: f"\\{character}" for character in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"${character}$" for character in "<>|"},
    "±": r"$\pm$",
    "★": r"$\star$",
    **{character: f"{{{character}}}" for character in "[*"},
    "\n": " ",
}
"""What means something else in LaTeX, as a bracket does at the begin of a row; and what only its formulas have."""

SPECIAL = re.compile("[" + re.escape("".join(ESCAPES)) + "]")


def escape_latex(value: object) -> Markup:
    """Return a value as text that LaTeX prints as it is; `Markup` is LaTeX already."""
    if isinstance(value, Markup):
        return value
    return Markup(SPECIAL.sub(lambda found: ESCAPES[found.group()], str(value)))


def report_to_latex(report: Report) -> str:
    """Return a report's main tables, each a ``table`` with a caption; needs the packages adjustbox and booktabs."""
    tables = [
        (f"{section.title}: {block.title}" if isinstance(block, Table) and block.title else section.title, block)
        for section in report.sections
        if section.title in MAIN
        for block in section.blocks
        if isinstance(block, Table | Ledger)
    ]
    return make_environment(escape_latex).get_template("tables.tex.j2").render(title=report.title, tables=tables) + "\n"
