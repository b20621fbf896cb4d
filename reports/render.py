"""Write a report: Markdown and HTML, figures, and the numbers they are made from, in one folder."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from baselines.method import method_title
from reports import tables, wording
from reports.cells import TERMS, precision_of
from reports.claims import claims_about
from reports.commands import merged
from reports.figures.gallery import FigureSection, draw_figures
from reports.figures.sequence_gallery import draw_sequence_figures
from reports.ledger import ledger, ledger_table
from reports.load import Results
from reports.markdown import figure, figures_in, table_of
from reports.page import write_page
from reports.published import METHOD, published_results
from reports.tables.cells import without_constant
from reports.tables.sequences import REFERENCE as SEQUENCE_REFERENCE
from reports.titles import dataset_title, place
from tssl_core.architecture import parse_architecture

REPORT_FILE, ENVIRONMENT_FILE = "report.md", "environment.json"
ENVIRONMENT = (
    "command",
    "commit",
    "code_checksum",
    "backend",
    "device",
    "precision",
    "processor",
    "cores",
    "threads",
    "determinism",
    "platform",
    "python",
    "torch",
)
DATA = ("data_source", "data_checksum")


def write_report(results: Results, folder: Path, *, title: str) -> Path:
    """Write report.md, report.html, the figures and the CSV files; the same bytes for the same results.

    Parameters
    ----------
    results : Results
        What to report.
    folder : Path
        Made if it is not there; files of an earlier report are overwritten, and figures that only it shows are removed.
    title : str
        Headline.

    Returns
    -------
    Path
        Of report.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_FILE
    before = figures_in(path.read_text(encoding="utf-8")) if path.exists() else set()
    results.write(folder)
    parts = [f"# {title}", _summary(results), *_claims(results)]
    if results.finished.empty:
        parts.append("No run has finished yet.")
    parts += _sequences(results, folder)
    # Accuracy is of classes; runs with target spike trains have their own part.
    classes = replace(results, runs=results.runs[results.runs["exact_match"].isna()])
    if not classes.finished.empty:
        parts += [*_accuracy(classes.finished), *_differences(classes.finished), *_dated(classes)]
        parts += _cost(classes.finished)
        parts += _shown(draw_figures(classes, folder))
    parts += [*_published(results), *_absent(results)]
    environment = _environment(results.runs)
    (folder / ENVIRONMENT_FILE).write_text(json.dumps(environment, indent=2) + "\n", encoding="utf-8")
    facts = [{"fact": key, "value": ", ".join(values)} for key, values in environment.items()]
    parts += ["## Environment", table_of(pd.DataFrame(facts))]
    text = "\n\n".join(parts) + "\n"
    path.write_text(text, encoding="utf-8")
    for name in before - figures_in(text):
        (folder / name).unlink(missing_ok=True)
    write_page(path)
    return path


def _summary(results: Results) -> str:
    protocols = ", ".join(sorted(results.runs["protocol"].dropna().unique()))
    counts = results.runs["status"].value_counts()
    runs = ", ".join(f"{counts[status]} {status}" for status in sorted(counts.index))
    commands = ", then ".join(f"`{command}`" for command in merged(results.runs["command"].dropna()))
    made = f"Made by {commands or 'an unknown command'}. Profile: {protocols}. Runs: {runs}."
    return f"{made} {_precision(results.runs)}"


def _precision(runs: pd.DataFrame) -> str:
    """What products were computed in, and which cells are of more than one such kind."""
    kinds = runs["precision"].value_counts()
    if len(kinds) == 1:
        return f"Convolutions and matrix products: {kinds.index[0]}."
    told = ", ".join(f"{name} in {kinds[name]} runs" for name in sorted(kinds.index))
    mixed = [cell for _, cell in runs.groupby("cell_key", sort=True) if cell["precision"].nunique() > 1]
    names = sorted({f"{method_title(cell['method'].iloc[0])} ({precision_of(cell)})" for cell in mixed})
    means = f" Means over runs of both: {', '.join(names)}." if names else ""
    return f"Convolutions and matrix products: {told}.{means}"


def _claims(results: Results) -> Iterator[str]:
    yield "## Claims of the paper"
    if (results.runs["evaluate_on"] == "held_out").all():
        yield "The claims are about test samples; these runs are judged by samples held out of the training set."
        return
    entries = ledger(results.runs)
    if entries:
        yield table_of(ledger_table(entries))
        yield wording.VERDICTS
    elif claims_about(results.runs["dataset"].dropna().unique()):
        yield "The claims that these datasets could speak on need other methods or time steps than were run here."
    else:
        yield "The paper claims nothing about these datasets."


def _sequences(results: Results, folder: Path) -> Iterator[str]:
    with_targets = results.finished[results.finished["exact_match"].notna()]
    if with_targets.empty:
        return
    yield "## Target spike trains"
    yield table_of(tables.sequence_summary(with_targets))
    yield wording.SEQUENCE_SUMMARY
    yield "### Each problem"
    yield table_of(tables.sequence_table(with_targets))
    yield wording.SEQUENCES
    differences = tables.sequence_difference_table(with_targets)
    if not differences.empty:
        yield f"## Differences from {method_title(SEQUENCE_REFERENCE)}"
        yield table_of(differences)
        yield wording.SEQUENCE_DIFFERENCES
    yield from _shown(draw_sequence_figures(replace(results, runs=with_targets), folder))


def _accuracy(finished: pd.DataFrame) -> Iterator[str]:
    yield "## Accuracy"
    yield table_of(without_constant(tables.comparison_table(finished), ("dataset", "network", "profile")))
    yield wording.ACCURACY
    if (finished["evaluate_on"] != "test").any():
        yield wording.HELD_OUT
    parameters = tables.parameter_table(finished)
    if not parameters.empty:
        yield "### Parameters that are not a method's own"
        yield table_of(parameters)
        yield wording.PARAMETERS
    for _, group in finished.groupby(TERMS, sort=True, dropna=False):
        for metric, name in (("accuracy_last", "last epoch"), ("accuracy_best", "best test epoch")):
            by_steps, by_setting = tables.accuracy_by_steps(group, metric), tables.accuracy_by_setting(group, metric)
            if not by_steps.empty:
                yield f"### Methods by T: {_terms(group)}, {name}"
                yield table_of(by_steps)
            if not by_setting.empty:
                yield f"### Methods by setting: {_terms(group)}, {name}"
                yield table_of(by_setting)


def _differences(finished: pd.DataFrame) -> Iterator[str]:
    title = method_title(METHOD)
    differences = tables.difference_table(finished)
    if not differences.empty:
        yield f"## Differences from {title}"
        yield table_of(without_constant(differences, ("dataset",)))
        yield wording.DIFFERENCES
    ablation = tables.ablation_table(finished)
    if not ablation.empty:
        yield f"## Variants of {title}"
        yield table_of(ablation)
        yield wording.ABLATION


def _dated(results: Results) -> Iterator[str]:
    factors = tables.factor_table(results.finished)
    if not factors.empty:
        yield "## Changes to a configuration of the authors"
        yield table_of(factors)
        yield wording.FACTORS
    stopping = tables.early_stopping_table(results.finished, results.epochs)
    if not stopping.empty:
        yield "## Early stopping"
        yield table_of(stopping)
        yield wording.EARLY_STOPPING


def _cost(finished: pd.DataFrame) -> Iterator[str]:
    yield "## Cost against accuracy"
    yield table_of(tables.cost_table(finished))
    yield wording.COST


def _shown(sections: Iterable[FigureSection]) -> list[str]:
    """Parts of the report with figures; each picture links to its SVG."""
    parts = []
    for section in sections:
        picture = [figure(section.stem, section.alt, animated=section.animated)] if section.stem else []
        parts += [f"## {section.heading}", *picture, section.caption]
    return parts


def _published(results: Results) -> Iterator[str]:
    """A table of published results for each network of the study, and one for the other networks of each dataset."""
    found = False
    for dataset, runs in results.runs.groupby("dataset", sort=True):
        rows = [row for row in published_results() if row.dataset == dataset]
        networks = sorted({parse_architecture(architecture).plain for architecture in runs["architecture"]})
        groups = {network: [row for row in rows if row.architecture == network] for network in networks}
        groups["other networks"] = [row for row in rows if row.architecture not in networks]
        finished = results.finished[results.finished["dataset"] == dataset]
        finished = finished[finished["evaluate_on"] == "test"]
        for name, group in groups.items():
            if group:
                found = True
                yield f"## Published results: {dataset_title(str(dataset))}, {name}"
                yield table_of(tables.published_table(group, finished))
    if found:
        yield wording.PUBLISHED
    else:
        yield "## Published results"
        yield "None are known for these datasets."


def _absent(results: Results) -> Iterator[str]:
    unfinished = tables.unfinished_table(results.runs, results.epochs)
    missing = tables.missing_table(results.runs)
    if not unfinished.empty:
        yield "## Runs without a result"
        yield table_of(unfinished)
    if not missing.empty:
        yield "## Runs that were never begun"
        yield table_of(missing)
        yield wording.MISSING


def _environment(runs: pd.DataFrame) -> dict[str, list[str]]:
    """Every value that occurs of each environment fact, as runs of one study may come from several machines."""
    facts = {key: sorted({str(value) for value in runs[key].dropna()}) for key in ENVIRONMENT}
    for key in DATA:
        pairs = sorted({(str(d), str(value)) for d, value in zip(runs["dataset"], runs[key], strict=True)})
        facts[key] = [f"{dataset}: {value}" for dataset, value in pairs]
    return facts


def _terms(runs: pd.DataFrame) -> str:
    first = runs.iloc[0]
    return f"{place(first)}, {first['epochs']} epochs"
