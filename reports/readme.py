"""The README's results: ``python -m reports.readme`` writes them between its markers, from the committed CSV files."""

from pathlib import Path

from reports.load import results_from_csv
from reports.markdown import table_of
from reports.tables import comparison_table

ROOT = Path(__file__).parents[1]
RENDERED = ROOT / "reports" / "rendered"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
COLUMNS = ("network", "method", "T", "epochs", "n", "last epoch %", "best epoch %", "published %", "silent")


def results_block(rendered: Path = RENDERED) -> str:
    """A table a committed study, with the command that makes it again and a link to its report."""
    parts = []
    for folder in sorted(path for path in rendered.iterdir() if path.is_dir()):
        results = results_from_csv(folder, folder.name)
        table = comparison_table(results.finished)
        commands = ", ".join(f"`{command}`" for command in dict.fromkeys(results.runs["command"].dropna()))
        link = f"[{folder.name}](reports/rendered/{folder.name}/report.md)"
        parts += [f"**{link}**, made by {commands}:", table_of(table[[key for key in COLUMNS if key in table]])]
    return "\n\n".join(parts)


def with_results(text: str, block: str) -> str:
    """Return a text with `block` between its markers.

    Raises
    ------
    ValueError
        If the text does not have both markers.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text lacks {BEGIN} or {END}; put both where the results belong")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_results(readme.read_text(encoding="utf-8"), results_block()), encoding="utf-8")
