"""What a report contains: pure functions from results to its sections, in their order."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import pandas as pd

from benchmarks.tracking.environment import Environment
from reports import tables
from reports.cells import TERMS, precision_of
from reports.claims import Place
from reports.commands import merge_commands
from reports.ledger import answers_of, beyond, ledger
from reports.load import LATE, Results
from reports.model import Ledger, Note, Report, Section, Table
from reports.published import METHOD, published_results
from reports.sequences import factor_sections, sequence_sections, with_factors, with_target_trains
from reports.statistics import ENOUGH, FEWEST
from reports.tables.cells import without_constant
from reports.titles import dataset_title, method_title, network_title
from tssl_core.architecture import parse_architecture

OF_DATASET = ("data_source", "data_checksum")
FACTS = [field.name for field in fields(Environment) if field.name not in (*OF_DATASET, "torchvision")]
"""What a report shows of the environment: of each dataset its own, and what holds for all runs."""

ANSWER, CLAIMS, ACCURACY = "Methods by T", "The paper's claims", "Accuracy"

ACCURACIES = {LATE: "last ten epochs", "accuracy_best": "best test epoch"}


def report_of(
    results: Results,
    *,
    title: str,
    figures: Sequence[Section] = (),
    sequence_figures: Sequence[Section] = (),
    factor_figures: Sequence[Section] = (),
) -> Report:
    """Return the report of some results.

    Parameters
    ----------
    results : Results
        What to report.
    title : str
        Headline.
    figures, sequence_figures, factor_figures : sequence of Section
        The figures of the runs that classify, of those with target spike trains, and of a factorial among these.
    """
    trains, classes = with_target_trains(results), with_classes(results)
    factors = with_factors(results)
    sections = []
    # What a reader has come for is on the first screen.
    if not classes.finished.empty:
        sections += [_answer(classes.finished), *figures[:1]]
    sections += _claims(results)
    if results.finished.empty:
        sections.append(Section("Results", [Note("no_run_has_finished")]))
    if not trains.finished.empty:
        sections += [*sequence_sections(trains.finished), *sequence_figures]
    sections += factor_sections(factors.runs, results.alignment, factor_figures)
    if not classes.finished.empty:
        sections += [_accuracy(classes.finished), *_comparisons(classes), _cost(classes), *figures[1:]]
    sections += [*_published(results), *_without_result(results), _environment(results.runs)]
    return Report(title, _provenance(results.runs), sections)


def with_classes(results: Results) -> Results:
    """Keep the runs that classify: accuracy is theirs."""
    return replace(results, runs=results.runs[results.runs["exact_match"].isna()])


def environment_facts(runs: pd.DataFrame) -> dict[str, list[str]]:
    """Every value that occurs of each environment fact, as runs of one study may come from several machines."""
    facts = {key: sorted({str(value) for value in runs[key].dropna()}) for key in FACTS}
    for key in OF_DATASET:
        pairs = sorted({(str(d), str(value)) for d, value in zip(runs["dataset"], runs[key], strict=True)})
        facts[key] = [f"{dataset}: {value}" for dataset, value in pairs]
    return facts


def _provenance(runs: pd.DataFrame) -> Note:
    mixed = [cell for _, cell in runs.groupby("cell_key", sort=True) if cell["precision"].nunique() > 1]
    values = {
        "commands": merge_commands(runs["command"].dropna()),
        "profiles": sorted(runs["protocol"].dropna().unique()),
        "counts": runs["status"].value_counts().sort_index().to_dict(),
        "precisions": runs["precision"].value_counts().sort_index().to_dict(),
        "mixed": sorted({f"{method_title(cell['method'].iloc[0])} ({precision_of(cell)})" for cell in mixed}),
    }
    return Note("provenance", values)


def _claims(results: Results) -> Iterator[Section]:
    """The paper's claims about the networks of a study, and what else its runs say on them."""
    runs = results.runs
    found = answers_of(runs)
    places = {Place.of(*names) for names in zip(runs["dataset"], runs["architecture"], strict=True)}
    on_test = (runs["evaluate_on"] != "held_out").any()
    if not on_test:
        yield Section(CLAIMS, [Note("claims_of_test_samples")])
    elif lines := ledger(found, places):
        yield Section(CLAIMS, [Ledger(lines), Note("verdicts", {"fewest": FEWEST, "enough": ENOUGH})])
    table = beyond(found)
    if on_test and table.rows:
        yield Section("Beyond the paper", [table, Note("beyond")])


def _answer(finished: pd.DataFrame) -> Section:
    """Methods by T, for each network and protocol."""
    blocks: list[Table | Note] = []
    for _, group in finished.groupby(TERMS, sort=True, dropna=False):
        first = group.iloc[0]
        title = f"{network_title(first)}, {first['epochs']} epochs"
        blocks.append(Table.of(tables.accuracy_matrix(group), title=title))
    return Section(ANSWER, [*blocks, Note("matrix")])


def _accuracy(finished: pd.DataFrame) -> Section:
    comparison = without_constant(tables.comparison_table(finished), ("dataset", "network", "profile"))
    blocks: list[Table | Note] = [Table.of(comparison, caption=Note("accuracy"))]
    if (finished["evaluate_on"] != "test").any():
        blocks.append(Note("held_out"))
    parameters = tables.parameter_table(finished)
    if not parameters.empty:
        title = "Parameters that are not a method's own"
        blocks.append(Table.of(parameters, title=title, caption=Note("parameters")))
    for _, group in finished.groupby(TERMS, sort=True, dropna=False):
        first = group.iloc[0]
        terms = f"{network_title(first)}, {first['epochs']} epochs"
        for metric, name in ACCURACIES.items():
            shown = {"setting": tables.accuracy_by_setting(group, metric)}
            if metric != LATE:  # with which the report begins
                shown = {"T": tables.accuracy_by_steps(group, metric)} | shown
            for by, table in shown.items():
                if not table.empty:
                    blocks.append(Table.of(table, title=f"Methods by {by}: {terms}, {name}"))
    return Section(ACCURACY, blocks)


def _comparisons(results: Results) -> Iterator[Section]:
    finished, method = results.finished, method_title(METHOD)
    differences = without_constant(tables.difference_table(finished), ("dataset",))
    yield from _table_section(f"Differences from {method}", differences, Note("differences", {"enough": ENOUGH}))
    yield from _table_section(f"Variants of {method}", tables.ablation_table(finished), Note("variants"))
    factors = tables.factor_table(finished)
    yield from _table_section("Changes to a configuration of the authors", factors, Note("factors"))
    stopping = tables.early_stopping_table(finished, results.epochs)
    yield from _table_section("Early stopping", stopping, Note("early_stopping"))


def _cost(results: Results) -> Section:
    costs = tables.cost_table(results.finished, results.layers)
    return Section("Cost against accuracy", [Table.of(costs, caption=Note("cost"))])


def _published(results: Results) -> Iterator[Section]:
    """A table of published results for each network of the study, and one for the other networks of each dataset."""
    sections: list[tuple[str, Table]] = []
    for dataset, runs in results.runs.groupby("dataset", sort=True):
        rows = [row for row in published_results() if row.dataset == dataset]
        networks = sorted({parse_architecture(architecture).plain for architecture in runs["architecture"]})
        groups = {network: [row for row in rows if row.architecture == network] for network in networks}
        groups["other networks"] = [row for row in rows if row.architecture not in networks]
        on_test = runs[(runs["status"] == "finished") & (runs["evaluate_on"] == "test")]
        sections += [
            (f": {dataset_title(str(dataset))}, {name}", Table.of(tables.published_table(group, on_test)))
            for name, group in groups.items()
            if group
        ]
    for place, (suffix, table) in enumerate(sections, start=1):
        last = [Note("published")] if place == len(sections) else []
        yield Section(f"Published results{suffix}", [table, *last])
    if not sections:
        yield Section("Published results", [Note("nothing_published")])


def _without_result(results: Results) -> Iterator[Section]:
    yield from _table_section("Runs without a result", tables.unfinished_table(results.runs, results.epochs))
    missing = tables.missing_table(results.runs)
    yield from _table_section("Runs that were never begun", missing, Note("never_begun"))


def _environment(runs: pd.DataFrame) -> Section:
    rows = tuple((fact, ", ".join(values)) for fact, values in environment_facts(runs).items())
    return Section("Environment", [Table(("fact", "value"), rows)])


def _table_section(title: str, table: pd.DataFrame, caption: Note | None = None) -> Iterator[Section]:
    """A section of one table, unless the table is empty."""
    if not table.empty:
        yield Section(title, [Table.of(table, caption=caption)])
