"""The README's results: ``python -m reports.readme`` writes them between its markers, from the committed CSV files."""

from pathlib import Path

import pandas as pd

from reports.claims import all_claims
from reports.ledger import Entry, ledger, ledger_table, not_run
from reports.load import Results, results_from_csv
from reports.markdown import table_of
from reports.tables import comparison_table

ROOT = Path(__file__).parents[1]
RENDERED = ROOT / "reports" / "rendered"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
COLUMNS = ("network", "method", "T", "epochs", "n", "last epoch %", "best epoch %", "published %", "silent")

LEDGER = """\
*Ours*: mean ± standard deviation of the best test epoch over n seeds. *Reduced protocol*: fewer epochs or samples than
the paper's; an accuracy that falls short on it decides nothing. *Other data*: a dataset that the claim is not about.
The rule of verdicts is in [docs/protocol.md](docs/protocol.md#verdicts)."""


def results_block(rendered: Path = RENDERED) -> str:
    """The claims ledger, then a table a committed study, with its command and a link to its report."""
    studies = [results_from_csv(path, path.name) for path in sorted(rendered.iterdir()) if path.is_dir()]
    parts = [table_of(ledger_table(_ledger_of(studies))), LEDGER]
    for results in studies:
        table = comparison_table(results.finished)
        commands = ", ".join(f"`{command}`" for command in dict.fromkeys(results.runs["command"].dropna()))
        link = f"[{results.study}](reports/rendered/{results.study}/report.md)"
        parts += [f"**{link}**, made by {commands}:", table_of(table[[key for key in COLUMNS if key in table]])]
    return "\n\n".join(parts)


def _ledger_of(studies: list[Results]) -> list[Entry]:
    """Judge every claim by the runs of all studies together; a run that is in two of them counts once."""
    runs = pd.concat([results.runs for results in studies]).drop_duplicates("run_key")
    entries = ledger(runs)
    return [
        entry
        for claim in all_claims()
        for entry in [found for found in entries if found.claim is claim] or [not_run(claim)]
    ]


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
