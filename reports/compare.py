"""Two studies, or two states of the code, side by side: what changed, and whether that is more than noise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reports.cells import TERMS
from reports.load import ReportError, is_report, results_from_csv, results_from_runs
from reports.statistics import ENOUGH, Difference, called, difference
from reports.tables.cells import NOTHING, SILENT, about, mean_in_words, number, share
from reports.templating import frame_to_markdown as table_of

IDENTITY = [*TERMS, "method", "time_steps"]
"""What a cell of one study and a cell of the other must have in common to be compared."""

FACTS = (
    "commit",
    "code_checksum",
    "backend",
    "device",
    "precision",
    "processor",
    "threads",
    "python",
    "torch",
    "data_checksum",
)
MACHINE = ("device", "processor", "threads")
AT = "@"

READING = f"""\
B minus A after the last epoch, accuracies in percentage points: mean, and the 95 % t interval over seeds; seed by seed
where the same seeds were run, else of the two means (*unpaired*). *Higher* and *lower*: at least {ENOUGH} seeds, and
p < 0.05 after Holm's correction for the rows of the table. *Equal*: every seed has the same value. *Distance* is van
Rossum's, of outputs to their target trains: less is nearer. Time is B's training over A's, where both ran on one kind
of processor."""


@dataclass(frozen=True)
class Measure:
    """What of two cells is set side by side.

    Parameters
    ----------
    metric : str
        Column of the runs.
    unit : str
        Behind A and B in the heads of columns.
    factor : float
        From the metric to that unit.
    show : callable
        Prints the values of a cell.
    """

    metric: str
    unit: str
    factor: float
    show: Callable[[pd.Series], str]

    def is_in(self, *cells: pd.DataFrame) -> bool:
        """Whether each of some cells has it."""
        return all(runs[self.metric].notna().any() for runs in cells)


ACCURACY = Measure("accuracy_last", "%", 100, share)
DISTANCE = Measure("van_rossum", "distance", 1, number)
"""Of outputs to target spike trains; such runs need not have an accuracy."""


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


def read_side(name: str, runs: Path) -> Side:
    """Find what is to be compared.

    Parameters
    ----------
    name : str
        A folder with the results.csv of a report, or a study; ``@`` and the beginning of a commit behind a study keeps
        the runs of that state of the code.
    runs : Path
        Folder of the records.

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
        finished = results_from_runs(runs, study, commit=commit).finished
    if finished.empty:
        raise ReportError(f"{name} has no finished run; run it first, or wait for one")
    return Side(name, finished)


def comparison(a: Side, b: Side) -> str:
    """Describe two sides in Markdown: conditions that differ, cells in both, cells in one alone."""
    parts = [f"# {a.name} (A) and {b.name} (B)"]
    facts = pd.DataFrame(_changed_facts(a.runs, b.runs))
    parts += ["## Conditions that differ", "None of those that are logged." if facts.empty else table_of(facts)]
    pairs = list(_pairs(a.runs, b.runs))
    distances = [pair for pair in pairs if DISTANCE.is_in(*pair)]
    # A pair in which nothing was measured stands in the first table.
    accuracies = [pair for pair in pairs if ACCURACY.is_in(*pair) or not DISTANCE.is_in(*pair)]
    parts += ["## Cells in both"]
    tables = [
        table_of(pd.DataFrame(_rows(measured, measure)))
        for measure, measured in ((ACCURACY, accuracies), (DISTANCE, distances))
        if measured
    ]
    parts += [*tables, READING] if tables else ["None: no dataset, network, method, T and protocol is in both."]
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


def _rows(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]], measure: Measure) -> Iterator[dict[str, object]]:
    found = [difference(b, a, measure.metric) for a, b in pairs]
    for (a, b), one, word in zip(pairs, found, called(found, "noise", NOTHING), strict=True):
        yield _row(a, b, measure, one, "equal" if _are_equal(a, b, measure.metric) else word)


def _row(a: pd.DataFrame, b: pd.DataFrame, measure: Measure, found: Difference | None, word: str) -> dict[str, object]:
    return {
        **about(a.iloc[0]),
        "n": f"{len(a)}, {len(b)}",
        f"A {measure.unit}": measure.show(a[measure.metric]),
        f"B {measure.unit}": measure.show(b[measure.metric]),
        "B - A": NOTHING if found is None else f"{found.times(measure.factor)}{'' if found.paired else ' unpaired'}",
        "is": word,
        "silent A, B": ", ".join(mean_in_words(runs["silent_fraction"], SILENT) for runs in (a, b)),
        "time": _time(a, b),
    }


def _are_equal(a: pd.DataFrame, b: pd.DataFrame, metric: str) -> bool:
    both = a.merge(b, on="seed", suffixes=("_a", "_b"))
    return bool(len(both)) and bool((both[f"{metric}_a"] == both[f"{metric}_b"]).all())


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
        {**about(cell.iloc[0]), "n": len(cell), "last epoch %": share(cell["accuracy_last"])}
        for key, cell in groups
        if str(key) not in known
    )
