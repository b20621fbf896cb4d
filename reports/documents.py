"""Committed results on show: ``python -m reports.documents`` makes all reports and documents again from the CSV files.

In a document, tables stand between markers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from benchmarks.metrics.metric import available_metrics
from benchmarks.study.tuned import read_tuned
from reports.answers import Answer
from reports.atlas import atlas_blocks
from reports.commands import merge_commands
from reports.figures.style import save
from reports.ledger import answers_of, beyond, ledger, sources
from reports.load import Results, committed_folders, results_from_csv
from reports.model import Ledger, LedgerLine, Table
from reports.published import METHOD
from reports.real_recording import decision_table, saccade_table
from reports.render import REPORT_FILE, write_report
from reports.sequences import with_target_trains
from reports.tables import (
    accuracy_by_steps,
    comparison_table,
    cost_table,
    difference_table,
    effort_table,
    sequence_summary,
)
from reports.tables.cells import NOTHING
from reports.templating import blocks_to_markdown, call_macro, frame_to_markdown
from reports.titles import dataset_title
from reports.tuning import FIGURE, body_of, tuning_curves, whole_training_table
from reports.verdicts import MARGINS, Verdict

ROOT = Path(__file__).parents[1]
RENDERED = ROOT / "reports" / "rendered"
TUNED = ROOT / "benchmarks" / "studies" / "tuned" / "fashion_mnist.toml"

Studies: TypeAlias = Mapping[str, Results]
Blocks: TypeAlias = dict[str, str]

NOT_SHOWN = ("dataset", "profile", "training samples", "chosen epoch %", "published epochs", "difference")
"""Columns of the comparison that are left to the reports."""

OF_THE_PAPER = ("fashion_mnist_mlp", "mnist", "fashion_mnist_cnn", "published")
"""Studies of the networks whose accuracy the paper gives."""

IN_ORDER = (*OF_THE_PAPER, "fashion_mnist_tuned", "time_steps", "ablation", "sequences", "nmnist_simulated")
"""Studies that docs/results.md shows first, in this order."""


OF_ACCURACY = (
    "network",
    "method",
    "epochs",
    "n",
    "last ten %",
    "best epoch %",
    "best minus last ten",
    "silent",
    "never",
)
ENERGIES = ("energy nJ", "energy nJ, image every step")


@dataclass(frozen=True)
class ShownStudy:
    """What docs/results.md shows of a study.

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


def committed() -> Studies:
    """Every committed study by its name."""
    return {name: results_from_csv(folder, name) for name, folder in committed_folders().items()}


def readme_blocks(studies: Studies) -> Blocks:
    """The claims that runs by the paper's protocol have tested, in brief, and how many there are of each verdict."""
    lines = ledger(_answers(studies))
    counts = Counter(line.judgement.verdict for line in lines)
    tested = Ledger(_tested(lines), brief=True)
    in_order = {verdict: counts[verdict] for verdict in Verdict}
    margins = {dataset_title(name): margin for name, margin in MARGINS.items()}
    text = call_macro("documents.md.j2", "claims", tested=tested, counts=in_order, margins=margins)
    return {"claims": text}


def results_blocks(studies: Studies) -> Blocks:
    """Both tables over all studies, a table of each study with its command, and how long it took on what."""
    found = _answers(studies)
    names = [*IN_ORDER, *(name for name in studies if name not in IN_ORDER)]
    return {
        "claims": blocks_to_markdown(Ledger(ledger(found))),
        "sources": blocks_to_markdown(sources()),
        "beyond": blocks_to_markdown(beyond(found)),
        "results": call_macro("documents.md.j2", "results", shown=[_show(studies[name]) for name in names]),
        "effort": frame_to_markdown(effort_table({name: study.finished for name, study in studies.items()})),
    }


def findings_blocks(studies: Studies) -> Blocks:
    """The tables that the findings are about."""
    own = pd.concat([studies[name].finished for name in OF_THE_PAPER])
    accuracy = comparison_table(own[own["method"].str.partition(":")[0] == METHOD])
    settings = studies["ablation"].finished
    methods = pd.concat([studies["fashion_mnist_mlp"].finished, settings[settings["method"] == "stbp"]])
    cost = cost_table(studies["fashion_mnist_mlp"].finished, studies["fashion_mnist_mlp"].layers)
    return {
        "accuracy": frame_to_markdown(accuracy[[*OF_ACCURACY]]),
        "steps": frame_to_markdown(accuracy_by_steps(studies["time_steps"].finished)),
        "methods": frame_to_markdown(difference_table(methods)),
        "energy": frame_to_markdown(cost[["method", "spikes", "synops", "MACs", "neuron updates", *ENERGIES]]),
    }


def simulated_blocks() -> Blocks:
    """One real recording beside the simulated ones."""
    folder = RENDERED / "nmnist_simulated"
    tables = {"decisions": decision_table(folder), "saccades": saccade_table(folder)}
    return {name: frame_to_markdown(table) for name, table in tables.items()}


def tuning_blocks(studies: Studies) -> Blocks:
    """Who is better when all are tuned alike, after the epochs of the search and after all of the paper's."""
    whole = whole_training_table(studies["fashion_mnist_tuned"].finished)
    return {"tuned": body_of(read_tuned(TUNED)), "whole": frame_to_markdown(whole)}


def measures_blocks() -> Blocks:
    """Definitions of all that metrics give."""
    rows = [
        {"name": f"`{name}`", "unit": unit, "definition": about, "code": f"`{metric.__module__.replace('.', '/')}.py`"}
        for metric in available_metrics()
        for name, unit, about in (
            *((column.name, column.unit or NOTHING, column.about) for column in metric.columns),
            *((name, "table", about) for name, about in metric.tables.items()),
        )
    ]
    return {"measures": frame_to_markdown(pd.DataFrame(rows))}


DOCUMENTS: Mapping[Path, Callable[[Studies], Blocks]] = {
    ROOT / "README.md": readme_blocks,
    ROOT / "docs" / "results.md": results_blocks,
    ROOT / "docs" / "findings.md": findings_blocks,
    ROOT / "docs" / "atlas.md": lambda _: atlas_blocks(),
    ROOT / "docs" / "protocol.md": lambda _: measures_blocks(),
    ROOT / "docs" / "nmnist_simulated.md": lambda _: simulated_blocks(),
    ROOT / "docs" / "tuning.md": tuning_blocks,
}


def _tested(lines: Iterable[LedgerLine]) -> tuple[LedgerLine, ...]:
    return tuple(line for line in lines if line.judgement.verdict is not Verdict.NOT_RUN)


def _show(results: Results) -> ShownStudy:
    finished = results.finished
    if finished["exact_match"].notna().any():
        table = sequence_summary(with_target_trains(results).finished)
    else:
        table = comparison_table(finished).drop(columns=[*NOT_SHOWN], errors="ignore")
    held_out = bool((finished["evaluate_on"] != "test").any())
    return ShownStudy(results.study, merge_commands(results.runs["command"].dropna()), held_out, Table.of(table))


def _answers(studies: Studies) -> list[Answer]:
    """What all studies together say on every question; a run that is in two of them counts once."""
    return answers_of(pd.concat([results.runs for results in studies.values()]).drop_duplicates("run_key"))


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
    for folder in committed_folders().values():
        write_again(folder)
    save(tuning_curves(read_tuned(TUNED)), ROOT / "docs", FIGURE)
    studies = committed()
    for path, blocks_of in DOCUMENTS.items():
        path.write_text(replace_blocks(path.read_text(encoding="utf-8"), blocks_of(studies)), encoding="utf-8")


if __name__ == "__main__":
    main()
