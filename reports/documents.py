"""Committed results on show: ``python -m reports.documents`` makes all reports and documents again from the CSV files.

In a document, tables stand between markers.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from benchmarks.metrics.metric import available_metrics
from reports.atlas import atlas_blocks
from reports.claims import BoundClaim, all_claims
from reports.commands import merge_commands
from reports.ledger import ledger, not_run
from reports.load import Results, results_from_csv
from reports.model import Ledger, LedgerLine, Table
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
from reports.templating import blocks_to_markdown, call_macro, frame_to_markdown
from reports.verdicts import Verdict

ROOT = Path(__file__).parents[1]
RENDERED = ROOT / "reports" / "rendered"

Studies: TypeAlias = Mapping[str, Results]
Blocks: TypeAlias = dict[str, str]

NOT_SHOWN = ("dataset", "profile", "training samples", "chosen epoch %", "published epochs", "difference")
"""Columns of the comparison that are left to the reports."""

OF_THE_PAPER = ("fashion_mnist_mlp", "mnist", "fashion_mnist_cnn", "cifar10")
"""Studies of the networks whose accuracy the paper gives."""

IN_FULL = (*OF_THE_PAPER, "nmnist_simulated", "time_steps", "ablation", "sequences")
"""Studies that the README shows, in this order; the others it folds up."""


@dataclass(frozen=True)
class ShownStudy:
    """What the README shows of a study.

    Parameters
    ----------
    name : str
        Its name.
    commands : list of str
        What makes it again.
    held_out : bool
        Whether accuracies are on held-out samples.
    table : Table
        Its results.
    """

    name: str
    commands: list[str]
    held_out: bool
    table: Table


def folders() -> list[Path]:
    """Where the committed reports are."""
    return sorted(path for path in RENDERED.iterdir() if path.is_dir())


def committed() -> Studies:
    """Every committed study by its name."""
    return {folder.name: results_from_csv(folder, folder.name) for folder in folders()}


def readme_blocks(studies: Studies) -> Blocks:
    """The claims ledger over all studies, a table of each with its command, and how long it took on what."""
    shown = [_show(studies[name]) for name in IN_FULL]
    folded = [_show(results) for name, results in studies.items() if name not in IN_FULL]
    return {
        "claims": _claims(_ledger_of(studies)),
        "results": call_macro("documents.md.j2", "results", shown=shown, folded=folded),
        "effort": frame_to_markdown(effort_table({name: study.finished for name, study in studies.items()})),
    }


def findings_blocks(studies: Studies) -> Blocks:
    """The tables that the findings are about."""
    own = [studies[name].finished for name in OF_THE_PAPER]
    accuracy = comparison_table(pd.concat([runs[runs["method"] == METHOD] for runs in own]))
    shown = ["dataset", "network", "epochs", "precision", "n", "last epoch %", "best epoch %"]
    shown += ["published %", "difference"]
    silence = [
        line
        for line in _ledger_of(studies)
        if isinstance(line.claim, BoundClaim) and line.claim.metric == "silent_fraction"
    ]
    return {
        "accuracy": frame_to_markdown(accuracy[shown]),
        "variants": frame_to_markdown(ablation_table(studies["ablation"].finished)),
        "variants_mnist": frame_to_markdown(ablation_table(studies["mnist_variants"].finished)),
        "steps": frame_to_markdown(accuracy_by_steps(studies["time_steps"].finished, BEST)),
        "steps_short": frame_to_markdown(accuracy_by_steps(studies["time_steps_short"].finished, BEST)),
        "methods": frame_to_markdown(difference_table(studies["fashion_mnist_mlp"].finished)),
        "silence": blocks_to_markdown(Ledger(tuple(silence))),
        "silent": frame_to_markdown(accuracy[["dataset", "network", "epochs", "n", "silent"]]),
    }


def methods_blocks(studies: Studies) -> Blocks:
    """Methods by learning rate, over a whole training."""
    finished = studies["learning_rates"].finished
    return {name: frame_to_markdown(accuracy_by_setting(finished, f"accuracy_{name}")) for name in ("last", "best")}


def measures_blocks() -> Blocks:
    """Definitions of all that metrics give."""
    rows = [
        {"name": f"`{name}`", "unit": unit, "definition": about, "code": f"`{metric.__module__.replace('.', '/')}.py`"}
        for metric in available_metrics()
        for name, unit, about in (
            *((column.name, column.unit, column.about) for column in metric.columns),
            *((name, "table", about) for name, about in metric.tables.items()),
        )
    ]
    return {"measures": frame_to_markdown(pd.DataFrame(rows))}


DOCUMENTS: Mapping[Path, Callable[[Studies], Blocks]] = {
    ROOT / "README.md": readme_blocks,
    ROOT / "docs" / "findings.md": findings_blocks,
    ROOT / "docs" / "methods.md": methods_blocks,
    ROOT / "docs" / "atlas.md": lambda _: atlas_blocks(),
    ROOT / "docs" / "protocol.md": lambda _: measures_blocks(),
}


def _claims(lines: list[LedgerLine]) -> str:
    """What is decided, and folded up what these runs leave open."""
    counts = Counter(line.judgement.verdict for line in lines)
    untested = [line for line in lines if line.judgement.verdict is Verdict.NOT_RUN]
    decided = [line for line in lines if line not in untested]
    return call_macro(
        "documents.md.j2",
        "claims",
        decided=Ledger(tuple(decided)),
        untested=Ledger(tuple(untested)),
        counts={verdict: counts[verdict] for verdict in Verdict},
    )


def _show(results: Results) -> ShownStudy:
    finished = results.finished
    if finished["exact_match"].notna().any():
        table = sequence_summary(finished)
    else:
        table = comparison_table(finished).drop(columns=[*NOT_SHOWN], errors="ignore")
    held_out = bool((finished["evaluate_on"] != "test").any())
    return ShownStudy(results.study, merge_commands(results.runs["command"].dropna()), held_out, Table.of(table))


def _ledger_of(studies: Studies) -> list[LedgerLine]:
    """Judge every claim by the runs of all studies together; a run that is in two of them counts once."""
    runs = pd.concat([results.runs for results in studies.values()]).drop_duplicates("run_key")
    lines = ledger(runs)
    return [
        line
        for claim in all_claims()
        for line in [found for found in lines if found.claim is claim] or [not_run(claim)]
    ]


def replace_blocks(text: str, contents: Mapping[str, str]) -> str:
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


def title_of(folder: Path) -> str:
    """Title of a committed report."""
    return (folder / REPORT_FILE).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def write_again(folder: Path, into: Path | None = None) -> None:
    """Write a committed report again, from its own CSV files and under its own title.

    Parameters
    ----------
    folder : Path
        Of the report.
    into : Path, optional
        Another folder to write to.
    """
    write_report(results_from_csv(folder, folder.name), into or folder, title=title_of(folder))


def main() -> None:
    """Write all reports again, and then the blocks of all documents."""
    for folder in folders():
        write_again(folder)
    studies = committed()
    for path, blocks_of in DOCUMENTS.items():
        path.write_text(replace_blocks(path.read_text(encoding="utf-8"), blocks_of(studies)), encoding="utf-8")


if __name__ == "__main__":
    main()
