"""Committed results on show: ``python -m reports.documents`` makes all reports and documents again from the CSV files.

In a document, tables stand between markers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from reports.atlas import atlas_blocks
from reports.claims import BoundClaim, all_claims
from reports.commands import merged
from reports.ledger import Entry, ledger, ledger_table, not_run
from reports.load import Results, results_from_csv
from reports.markdown import table_of
from reports.published import METHOD
from reports.render import REPORT_FILE, write_report
from reports.settings import BEST
from reports.tables import (
    ablation_table,
    accuracy_by_setting,
    accuracy_by_steps,
    comparison_table,
    difference_table,
    effort_table,
    sequence_summary,
)
from reports.verdicts import Verdict

ROOT = Path(__file__).parents[1]
RENDERED = ROOT / "reports" / "rendered"

Studies: TypeAlias = Mapping[str, Results]
Blocks: TypeAlias = dict[str, str]

TOLD = ("network", "method", "T", "epochs", "settings", "precision", "n")
COLUMNS = (*TOLD, "last epoch %", "best epoch %", "published %", "silent")

LEDGER = """\
*Ours*: mean ± standard deviation of the best test epoch over n seeds. *Reduced protocol*: fewer epochs or samples than
the paper's; an accuracy that falls short on it decides nothing. *Other data*: a dataset that the claim is not about.
The rule of verdicts is in [docs/protocol.md](docs/protocol.md#verdicts)."""

OF_THE_PAPER = ("fashion_mnist_mlp", "mnist", "fashion_mnist_cnn", "cifar10")
"""Studies of the networks whose accuracy the paper gives."""

IN_FULL = (*OF_THE_PAPER, "nmnist_simulated", "time_steps", "ablation", "sequences")
"""Studies that the README shows, in this order; the others it folds up."""


def folders() -> list[Path]:
    """Where the committed reports are."""
    return sorted(path for path in RENDERED.iterdir() if path.is_dir())


def committed() -> Studies:
    """Every committed study by its name."""
    return {folder.name: results_from_csv(folder, folder.name) for folder in folders()}


def readme_blocks(studies: Studies) -> Blocks:
    """The claims ledger over all studies, a table of each with its command, and how long it took on what."""
    claims = _claims(_ledger_of(studies))
    effort = table_of(effort_table({name: study.finished for name, study in studies.items()}))
    return {"claims": "\n\n".join(claims), "results": "\n\n".join(_results(studies)), "effort": effort}


def findings_blocks(studies: Studies) -> Blocks:
    """The tables that the findings are about."""
    own = [studies[name].finished for name in OF_THE_PAPER]
    accuracy = comparison_table(pd.concat([runs[runs["method"] == METHOD] for runs in own]))
    shown = ["dataset", "network", "epochs", "precision", "n", "last epoch %", "best epoch %"]
    shown += ["published %", "difference"]
    silence = [
        entry
        for entry in _ledger_of(studies)
        if isinstance(entry.claim, BoundClaim) and entry.claim.metric == "silent_fraction"
    ]
    return {
        "accuracy": table_of(accuracy[shown]),
        "variants": table_of(ablation_table(studies["ablation"].finished)),
        "variants_mnist": table_of(ablation_table(studies["mnist_variants"].finished)),
        "steps": table_of(accuracy_by_steps(studies["time_steps"].finished, BEST)),
        "steps_short": table_of(accuracy_by_steps(studies["time_steps_short"].finished, BEST)),
        "methods": table_of(difference_table(studies["fashion_mnist_mlp"].finished)),
        "silence": table_of(ledger_table(silence)),
        "silent": table_of(accuracy[["dataset", "network", "epochs", "n", "silent"]]),
    }


def methods_blocks(studies: Studies) -> Blocks:
    """Methods by learning rate, over a whole training."""
    finished = studies["learning_rates"].finished
    return {name: table_of(accuracy_by_setting(finished, f"accuracy_{name}")) for name in ("last", "best")}


DOCUMENTS: Mapping[Path, Callable[[Studies], Blocks]] = {
    ROOT / "README.md": readme_blocks,
    ROOT / "docs" / "findings.md": findings_blocks,
    ROOT / "docs" / "methods.md": methods_blocks,
    ROOT / "docs" / "atlas.md": lambda _: atlas_blocks(),
}


def _claims(entries: list[Entry]) -> Iterator[str]:
    """What is decided, and folded up what these runs leave open."""
    counts = Counter(entry.judgement.verdict for entry in entries)
    yield f"Of {len(entries)} lines: {', '.join(f'{counts[verdict]} {verdict}' for verdict in Verdict)}."
    open_claims = [entry for entry in entries if entry.judgement.verdict is Verdict.NOT_RUN]
    yield table_of(ledger_table([entry for entry in entries if entry not in open_claims]))
    yield LEDGER
    if open_claims:
        left_open = table_of(ledger_table(open_claims))
        yield from _folded(f"Left open by the runs so far: {len(open_claims)} lines", [left_open])


def _results(studies: Studies) -> Iterator[str]:
    """What answers the paper's questions, and folded up the other studies."""
    for name in IN_FULL:
        yield from _of_study(studies[name])
    others = [results for name, results in studies.items() if name not in IN_FULL]
    parts = (part for results in others for part in _of_study(results))
    yield from _folded(f"{len(others)} more: {', '.join(results.study for results in others)}", parts)


def _folded(summary: str, parts: Iterable[str]) -> Iterator[str]:
    """Parts of a document that are shown when their summary is clicked."""
    yield f"<details><summary>{summary}</summary>"
    yield from parts
    yield "</details>"


def _of_study(results: Results) -> Iterator[str]:
    commands = ", ".join(f"`{command}`" for command in merged(results.runs["command"].dropna()))
    finished = results.finished
    judged = "" if (finished["evaluate_on"] == "test").all() else " (accuracies on held-out samples)"
    yield f"**[{results.study}](reports/rendered/{results.study}/report.md)**{judged}, made by {commands}:"
    if finished["exact_match"].notna().any():
        yield table_of(sequence_summary(finished))
    else:
        table = comparison_table(finished)
        yield table_of(table[[key for key in COLUMNS if key in table]])


def _ledger_of(studies: Studies) -> list[Entry]:
    """Judge every claim by the runs of all studies together; a run that is in two of them counts once."""
    runs = pd.concat([results.runs for results in studies.values()]).drop_duplicates("run_key")
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


def write_again(folder: Path, into: Path | None = None) -> None:
    """Write a committed report again, from its own CSV files and under its own title.

    Parameters
    ----------
    folder : Path
        Of the report.
    into : Path, optional
        Another folder to write to.
    """
    title = (folder / REPORT_FILE).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    write_report(results_from_csv(folder, folder.name), into or folder, title=title)


def main() -> None:
    """Write all reports again, and then the blocks of all documents."""
    for folder in folders():
        write_again(folder)
    studies = committed()
    for path, blocks_of in DOCUMENTS.items():
        path.write_text(written(path.read_text(encoding="utf-8"), blocks_of(studies)), encoding="utf-8")


if __name__ == "__main__":
    main()
