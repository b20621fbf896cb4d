"""Two studies, or two states of the code, side by side: what changed, and whether that is more than noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reports.cells import TERMS, percent
from reports.load import ReportError, is_report, results_from_csv, results_from_tracking
from reports.markdown import table_of
from reports.statistics import FEWEST, Difference, difference
from reports.tables.cells import NOTHING, SILENT, about, mean_in_words

IDENTITY = [*TERMS, "method", "time_steps"]
"""What a cell of one study and a cell of the other must have in common to be compared."""

FACTS = ("commit", "code_checksum", "backend", "device", "processor", "threads", "python", "torch", "data_checksum")
MACHINE = ("device", "processor", "threads")
AT = "@"

UNKNOWN = Difference(float("nan"), float("nan"), float("nan"), 0)
"""Of cells in which nothing was measured."""

READING = f"""\
B less A in percentage points, last epoch: mean, and the 95 % percentile bootstrap interval over seeds; seed by seed
where the same seeds were run, else of the two means (*unpaired*). *Noise*: the interval holds 0. *Equal*: every seed
has the same accuracy. With fewer than {FEWEST} seeds nothing can be said. Time is B's training over A's, where both ran
on one kind of processor."""


@dataclass(frozen=True)
class Side:
    """One of the two.

    Parameters
    ----------
    name : str
        As it was asked for.
    runs : DataFrame
        Its finished runs.
    """

    name: str
    runs: pd.DataFrame


def read_side(name: str, tracking_uri: str) -> Side:
    """Find what is to be compared.

    Parameters
    ----------
    name : str
        A folder with the results.csv of a report, or a study in the tracking store; ``@`` and the beginning of a commit
        behind a study keeps the runs of that state of the code.
    tracking_uri : str
        Of the store.

    Raises
    ------
    ReportError, TrackingError
        If there is no such study, or none of its runs is finished or of that commit; says which commits there are.
    """
    folder = Path(name)
    if is_report(name):
        finished = results_from_csv(folder, folder.name).finished
    else:
        study, _, commit = name.partition(AT)
        finished = results_from_tracking(tracking_uri, study, commit=commit).finished
    if finished.empty:
        raise ReportError(f"{name} has no finished run; run it first, or wait for one")
    return Side(name, finished)


def comparison(a: Side, b: Side) -> str:
    """Describe two sides in Markdown: conditions that differ, cells in both, cells in one alone."""
    parts = [f"# {a.name} (A) and {b.name} (B)"]
    facts = pd.DataFrame(_changed_facts(a.runs, b.runs))
    parts += ["## Conditions that differ", "None of those that are logged." if facts.empty else table_of(facts)]
    cells = pd.DataFrame(_row(*pair) for pair in _pairs(a.runs, b.runs))
    parts += ["## Cells in both", "None: no dataset, network, method, T and protocol is in both."]
    if not cells.empty:
        parts[-1] = table_of(cells)
        parts.append(READING)
    for side, other in ((a, b), (b, a)):
        alone = _alone(side.runs, other.runs)
        if not alone.empty:
            parts += [f"## Only in {side.name}", table_of(alone)]
    return "\n\n".join(parts) + "\n"


def _changed_facts(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[dict[str, str]]:
    for name in FACTS:
        values = [", ".join(sorted({str(value)[:40] for value in runs[name].dropna()})) for runs in (a, b)]
        if values[0] != values[1]:
            yield {"fact": name, "A": values[0] or NOTHING, "B": values[1] or NOTHING}


def _pairs(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Runs of A and of B that are of one cell."""
    others = {str(key): runs for key, runs in b.groupby(IDENTITY, sort=True, dropna=False)}
    for key, runs in a.groupby(IDENTITY, sort=True, dropna=False):
        if str(key) not in others:
            continue
        theirs = others[str(key)]
        if runs["cell_key"].nunique() == theirs["cell_key"].nunique() == 1:
            yield runs, theirs
            continue
        # Cells that differ in a parameter alone compare only with their like.
        for cell, ours in runs.groupby("cell_key", sort=True):
            like = theirs[theirs["cell_key"] == cell]
            if not like.empty:
                yield ours, like


def _row(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, object]:
    found = difference(b, a, "accuracy_last")
    return {
        **about(a.iloc[0]),
        "n": f"{len(a)}, {len(b)}",
        "A %": percent(a["accuracy_last"]),
        "B %": percent(b["accuracy_last"]),
        "B - A": NOTHING if found is None else f"{found.times(100)}{'' if found.paired else ' unpaired'}",
        "is": _reading(a, b, found),
        "silent A, B": ", ".join(mean_in_words(runs["silent_fraction"], SILENT) for runs in (a, b)),
        "time": _time(a, b),
    }


def _reading(a: pd.DataFrame, b: pd.DataFrame, found: Difference | None) -> str:
    both = a.merge(b, on="seed", suffixes=("_a", "_b"))
    if len(both) and (both["accuracy_last_a"] == both["accuracy_last_b"]).all():
        return "equal"
    return (found or UNKNOWN).in_words("noise")


def _time(a: pd.DataFrame, b: pd.DataFrame) -> str:
    machines = pd.concat([a, b])[list(MACHINE)].astype(str).drop_duplicates()
    before, after = a["training_seconds"].mean(), b["training_seconds"].mean()
    if len(machines) > 1 or pd.isna(before) or pd.isna(after) or not before:
        return NOTHING
    return f"{after / before:.2f}x"


def _alone(runs: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    known = {str(key) for key, _ in others.groupby(IDENTITY, dropna=False)}
    groups = runs.groupby(IDENTITY, sort=True, dropna=False)
    return pd.DataFrame(
        {**about(cell.iloc[0]), "n": len(cell), "last epoch %": percent(cell["accuracy_last"])}
        for key, cell in groups
        if str(key) not in known
    )
