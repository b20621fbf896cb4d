"""What a report says of runs with target spike trains, and of those among them that are a factorial."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from reports import tables
from reports.load import Results
from reports.model import Note, Section, Table
from reports.tables.alignment import DECIDES
from reports.tables.sequences import REFERENCE
from reports.titles import method_title


def with_target_trains(results: Results) -> Results:
    """Keep the runs whose outputs have target spike trains, but for those of a factorial."""
    factorial = results.runs["run_key"].isin(with_factors(results).runs["run_key"])
    return replace(results, runs=results.runs[results.runs["exact_match"].notna() & ~factorial])


def with_factors(results: Results) -> Results:
    """Keep the runs of a factorial, with a column for each factor, see `reports.tables.factorial`."""
    finished = results.finished
    return replace(results, runs=tables.factorial_runs(finished[finished["exact_match"].notna()]))


def sequence_sections(finished: pd.DataFrame) -> Iterator[Section]:
    """Tables of runs on target spike trains.

    Parameters
    ----------
    finished : DataFrame
        Finished ones, see `with_target_trains`.
    """
    summary = Table.of(tables.sequence_summary(finished), caption=Note("sequence_summary"))
    each = Table.of(tables.sequence_table(finished), title="Each problem", caption=Note("sequences"))
    yield Section("Target spike trains", [summary, each])
    differences = tables.sequence_difference_table(finished)
    if not differences.empty:
        caption = Note("sequence_differences")
        yield Section(f"Differences from {method_title(REFERENCE)}", [Table.of(differences, caption=caption)])


def factor_sections(runs: pd.DataFrame, alignment: pd.DataFrame, figures: Sequence[Section]) -> Iterator[Section]:
    """Tables of the pieces of the gradient, the figures, and where the gradient points.

    Parameters
    ----------
    runs, alignment : DataFrame
        See `with_factors` and `reports.load.Results`; either may be empty.
    figures : sequence of Section
        What is drawn of them.
    """
    if not runs.empty:
        effects = Table.of(tables.effect_table(runs), title="Effects", caption=Note("effects"))
        harm = Table.of(tables.harm_table(runs), title="Harm", caption=Note("harm"))
        yield Section("Pieces of the gradient", [harm, effects])
    yield from figures
    if not alignment.empty:
        each = [Table.of(table, title=title) for title, table in tables.alignment_tables(alignment)]
        noise = Table.of(tables.noise_table(alignment), title="By noise", caption=Note("noise"))
        places = Table.of(tables.place_table(alignment), title="By place", caption=Note("places", {"sigma": DECIDES}))
        yield Section("Where the gradient points", [*each, Note("alignment", {"sigma": DECIDES}), noise, places])
