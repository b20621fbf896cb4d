"""What the runs answer to each question of claims.toml, in numbers: `reports.ledger` says what follows from them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from baselines.method import is_spiking
from reports.cells import TERMS, count_in_words, on_equal_terms, percent
from reports.claims import AccuracyClaim, BetterClaim, BoundClaim, Claim, CountClaim, Place, StepsSufficeClaim
from reports.evidence import (
    LAST_VERSION,
    cells_by_strength,
    configurations,
    is_of_the_paper,
    of_published_network,
    place_of,
    stopped_runs,
    strongest_cell,
    terms_of,
)
from reports.load import LATE
from reports.published import METHOD, Published
from reports.settings import BEST, distinguishing_settings, select_best_setting, select_main_setting
from reports.statistics import Difference, less_one_run, less_published, mean_difference, paired_difference
from reports.titles import method_title
from reports.verdicts import MARGINS

FEW_STEPS = 5
"""The paper's T for images; fewer is not what it claims."""


@dataclass(frozen=True)
class Answer:
    """What the runs on one dataset and network answer to one question.

    Parameters
    ----------
    claim : Claim
        The question.
    place : Place
        Dataset and network.
    of_the_paper : bool
        Whether data, network and protocol are the claim's own.
    subject, ours, terms : str
        What is shown, as what numbers, and on what terms, ready to print.
    difference, best : Difference, optional
        Percentage points ours is above what it is held to, and the same of the best test epoch.
    margin : float
        Points that count for nothing.
    others : tuple of (Published, Difference)
        Rows that the paper prints beside its own, and ours less each.
    note : str
        What else a reader has to know.
    """

    claim: Claim
    place: Place
    of_the_paper: bool
    subject: str
    ours: str
    terms: str
    difference: Difference | None
    best: Difference | None = None
    margin: float = 0.0
    others: tuple[tuple[Published, Difference], ...] = ()
    note: str = ""


def answers(claim: Claim, runs: pd.DataFrame) -> Iterator[Answer]:
    """Answer a question as far as finished runs can, for each dataset and network that it concerns.

    Parameters
    ----------
    claim : Claim
        The question.
    runs : DataFrame
        On test samples, of every status.
    """
    concerned = runs[runs["dataset"].map(claim.concerns).astype(bool)]
    finished = concerned[concerned["status"] == "finished"]
    if finished.empty:
        return
    found = _ANSWERS[type(claim)](claim, finished)
    if isinstance(claim, AccuracyClaim):
        found = _beside_what_was_stopped(claim, found, concerned)
    yield from found


def _beside_what_was_stopped(claim: AccuracyClaim, found: Iterator[Answer], runs: pd.DataFrame) -> Iterator[Answer]:
    """A training by the configuration that would decide may have been stopped because it lost what it had learnt."""
    stopped = stopped_runs(runs, claim)
    for answer in found:
        notes = [answer.note, *(f"{name}: stopped at {percent(cell[LATE])}" for name, cell in stopped.items())]
        yield replace(answer, note="; ".join(filter(None, notes))) if answer.of_the_paper else answer


def _accuracy(claim: AccuracyClaim, finished: pd.DataFrame) -> Iterator[Answer]:
    """Hold the runs on the claim's network and T to it, in the configuration that decides, the others beside it."""
    found = configurations(of_published_network(finished, claim), claim)
    if not found:
        return
    (place,) = claim.places

    def answer(name: str, runs: pd.DataFrame) -> Answer:
        return Answer(
            **_about(claim, runs, f"minus the published accuracy, T = {claim.published.time_steps}"),
            ours=f"{percent(runs[BEST])} ({name})",
            difference=_less(runs, claim.published),
            margin=MARGINS[place.dataset],
            others=tuple((row, _less(runs, row)) for row in claim.other_rows),
        )

    first, *rest = found.items()
    beside = [
        f"{name}: {percent(runs[BEST])}, {_less(runs, claim.published)}"
        for name, runs in rest
        if is_of_the_paper(claim, runs)
    ]
    yield replace(answer(*first), note="; ".join(beside))
    # What is not of the paper has no verdict, and a line of its own beyond it.
    yield from (answer(name, runs) for name, runs in rest if not is_of_the_paper(claim, runs))


def _less(runs: pd.DataFrame, row: Published) -> Difference:
    """The best test epochs less a published row: its mean, or the single number that there is."""
    ours = (100 * runs[BEST]).tolist()
    if row.mean is not None:
        return less_published(ours, row.mean, row.std)
    return less_one_run(ours, float(row.best or 0))


def _bound(claim: BoundClaim, finished: pd.DataFrame) -> Iterator[Answer]:
    runs = finished[finished[claim.metric].notna() & (finished["time_steps"] == claim.time_steps)]
    for of_network in _own_networks(claim, runs[runs["method"] == METHOD]):
        cell = strongest_cell(of_network, claim)
        if cell is None:
            continue
        values = 100 * cell[claim.metric]
        shown = percent(cell[claim.metric])
        if claim.beside is not None:
            shown += f"; for no sample at all {percent(cell[claim.beside])}"
        yield Answer(
            **_about(claim, cell, f"silent at T = {claim.time_steps}, %"),
            ours=shown,
            difference=mean_difference(values.tolist(), 100 * claim.at_least),
        )


def _better(claim: BetterClaim, finished: pd.DataFrame) -> Iterator[Answer]:
    """Set the method beside another at the smallest T from `FEW_STEPS` on that both have, else at one below."""
    rivals = finished[finished["method"] == claim.than]
    if rivals.empty:
        return
    settings = distinguishing_settings(finished)
    rival_is_own = claim.than.partition(":")[0] == METHOD

    def answer(ours: pd.DataFrame) -> Answer | None:
        others = on_equal_terms(rivals, ours)
        for steps in sorted(ours["time_steps"].unique(), key=lambda steps: (steps < FEW_STEPS, steps)):
            own = select_main_setting(ours[ours["time_steps"] == steps])
            theirs = select_best_setting(others[others["time_steps"] == steps] if is_spiking(claim.than) else others)
            subject = f"{method_title(METHOD)} minus {method_title(claim.than)}, T = {steps}"
            setting = settings.get(theirs["cell_key"].iloc[0]) if len(theirs) else None
            subject += f" ({setting})" if setting else ""
            if found := _comparison(claim, own, theirs, subject):
                alike = on_equal_terms(finished, ours)
                dated = {} if rival_is_own else configurations(alike[alike["time_steps"] == steps], claim)
                return replace(found, note="; ".join(_by_other_versions(dated, theirs)))
        return None

    yield from _of_each_network(claim, finished[finished["method"] == METHOD], answer)


def _by_other_versions(cells: Mapping[str, pd.DataFrame], theirs: pd.DataFrame) -> Iterator[str]:
    """The same comparison by the authors' versions of other dates, where there is an interval of it."""
    for name, cell in cells.items():
        difference = paired_difference(cell, theirs, LATE)
        if name != LAST_VERSION and difference is not None and difference.decided:
            yield f"{name}: {difference.times(100)}"


def _steps_suffice(claim: StepsSufficeClaim, finished: pd.DataFrame) -> Iterator[Answer]:
    """Set the claim's T beside the largest there is, if that is at least twice as large."""

    def answer(runs: pd.DataFrame) -> Answer | None:
        most = runs["time_steps"].max()
        few, many = (select_main_setting(runs[runs["time_steps"] == steps]) for steps in (claim.time_steps, most))
        if most < 2 * claim.time_steps:
            return None
        margin = MARGINS.get(runs["dataset"].iloc[0], 0.0) if claim.margin is None else claim.margin
        return _comparison(claim, few, many, f"{method_title(METHOD)}, {claim.time_steps} minus {most} steps", margin)

    yield from _of_each_network(claim, finished[finished["method"] == METHOD], answer)


def _comparison(
    claim: Claim, ours: pd.DataFrame, theirs: pd.DataFrame, subject: str, margin: float = 0.0
) -> Answer | None:
    shared = set(ours.loc[ours[LATE].notna(), "seed"]) & set(theirs.loc[theirs[LATE].notna(), "seed"])
    ours, theirs = (runs[runs["seed"].isin(shared)] for runs in (ours, theirs))
    late, best = (paired_difference(ours, theirs, metric) for metric in (LATE, BEST))
    if late is None or best is None:
        return None
    return Answer(
        **_about(claim, pd.concat([ours, theirs]), subject, seeds=late.n),
        ours=f"{percent(ours[LATE])}; {percent(theirs[LATE])}",
        difference=late.times(100),
        best=best.times(100),
        margin=margin,
    )


def _count(claim: CountClaim, finished: pd.DataFrame) -> Iterator[Answer]:
    """Count in the runs of each version of the method, over all networks and T."""
    runs = finished[finished["method"].str.split(":").str[0] == METHOD]
    for column, value in claim.where.items():
        runs = runs[runs[column] == value]
    for method, cells in runs.groupby("method", sort=True):
        shown = count_in_words(cells[claim.reached])
        about = _about(claim, cells, f"{claim.text}: {method_title(str(method))}")
        yield Answer(**about | {"place": Place(cells["dataset"].iloc[0], "")}, ours=shown, difference=None)


_ANSWERS: dict[type, Callable[[Any, pd.DataFrame], Iterator[Answer]]] = {
    AccuracyClaim: _accuracy,
    BoundClaim: _bound,
    BetterClaim: _better,
    StepsSufficeClaim: _steps_suffice,
    CountClaim: _count,
}


def _own_networks(claim: Claim, runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Runs of each dataset and network; of a claim about its networks alone only those."""
    for _, of_network in runs.groupby(["dataset", "architecture"], sort=True):
        if of_network["dataset"].iloc[0] in claim.elsewhere or place_of(of_network) in claim.places:
            yield of_network


def _of_each_network(
    claim: Claim, runs: pd.DataFrame, answer: Callable[[pd.DataFrame], Answer | None]
) -> Iterator[Answer]:
    """Answer for each dataset and network by the strongest group on equal terms that can.

    Parameters
    ----------
    claim, runs
        What is asked, and of which runs.
    answer : callable
        Gives the answer of a group, or None if it lacks the runs to compare with.
    """
    for _, of_network in runs.groupby(["dataset", "architecture"], sort=True):
        found = (answer(group) for group in cells_by_strength(of_network, claim, by=TERMS))
        if (first := next((one for one in found if one is not None), None)) is not None:
            yield first


def _about(claim: Claim, runs: pd.DataFrame, subject: str, seeds: int | None = None) -> dict[str, Any]:
    return {
        "claim": claim,
        "place": place_of(runs),
        "of_the_paper": is_of_the_paper(claim, runs),
        "subject": subject,
        "terms": terms_of(claim, runs, len(runs) if seeds is None else seeds),
    }
