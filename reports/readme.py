"""The README's results: ``python -m reports.readme`` writes them between markers, from the committed CSV files."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from reports.claims import all_claims
from reports.ledger import Entry, ledger, ledger_table, not_run
from reports.load import Results, results_from_csv
from reports.markdown import table_of
from reports.tables import comparison_table, effort_table, sequence_summary

ROOT = Path(__file__).parents[1]
RENDERED = ROOT / "reports" / "rendered"
COLUMNS = ("network", "method", "T", "epochs", "n", "last epoch %", "best epoch %", "published %", "silent")

LEDGER = """\
*Ours*: mean ± standard deviation of the best test epoch over n seeds. *Reduced protocol*: fewer epochs or samples than
the paper's; an accuracy that falls short on it decides nothing. *Other data*: a dataset that the claim is not about.
The rule of verdicts is in [docs/protocol.md](docs/protocol.md#verdicts)."""


def blocks(rendered: Path = RENDERED) -> dict[str, str]:
    """The claims ledger over all committed studies, a table of each with its command, and how long it took on what."""
    studies = [results_from_csv(path, path.name) for path in sorted(rendered.iterdir()) if path.is_dir()]
    claims = [table_of(ledger_table(_ledger_of(studies))), LEDGER]
    results = [part for study in studies for part in _of_study(study)]
    effort = table_of(effort_table({study.study: study.finished for study in studies}))
    return {"claims": "\n\n".join(claims), "results": "\n\n".join(results), "effort": effort}


def _of_study(results: Results) -> Iterator[str]:
    commands = ", ".join(f"`{command}`" for command in dict.fromkeys(results.runs["command"].dropna()))
    yield f"**[{results.study}](reports/rendered/{results.study}/report.md)**, made by {commands}:"
    finished = results.finished
    if finished["exact_match"].notna().any():
        yield table_of(sequence_summary(finished))
    else:
        table = comparison_table(finished)
        yield table_of(table[[key for key in COLUMNS if key in table]])


def _ledger_of(studies: list[Results]) -> list[Entry]:
    """Judge every claim by the runs of all studies together; a run that is in two of them counts once."""
    runs = pd.concat([results.runs for results in studies]).drop_duplicates("run_key")
    entries = ledger(runs)
    return [
        entry
        for claim in all_claims()
        for entry in [found for found in entries if found.claim is claim] or [not_run(claim)]
    ]


def written(text: str, contents: Mapping[str, str]) -> str:
    """Return a text with each block between its markers.

    Raises
    ------
    ValueError
        If the text does not have both markers of a block.
    """
    for name, content in contents.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"the text lacks {begin} or {end}; put both where the {name} belong")
        text = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(written(readme.read_text(encoding="utf-8"), blocks()), encoding="utf-8")
