"""The two tables at the head of a report: the paper's claims with verdicts, and what is beyond the paper without."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import pandas as pd

from reports.answers import Answer, answers
from reports.claims import Claim, Place, all_claims, command_of, places_of_the_paper
from reports.model import LedgerLine, Table
from reports.statistics import ENOUGH, holm
from reports.tables.cells import NOTHING
from reports.titles import dataset_title
from reports.verdicts import Judgement, Verdict, judge, judge_comparison

Line: TypeAlias = tuple[str, Place]
"""A line of the first table: the id of a claim, and one of its places."""


def answers_of(runs: pd.DataFrame) -> list[Answer]:
    """Answer every question that runs can say something about.

    Parameters
    ----------
    runs : DataFrame
        Of one or more studies, as `reports.load.Results.runs`; only those on test samples count.
    """
    on_test = runs[runs["evaluate_on"] == "test"]
    return [answer for claim in all_claims() for answer in answers(claim, on_test)]


def ledger(found: Sequence[Answer], places: Iterable[Place] | None = None) -> tuple[LedgerLine, ...]:
    """Judge the paper's claims, one line for each and each of its networks.

    Parameters
    ----------
    found : sequence of Answer
        What the runs say.
    places : iterable of Place, optional
        Only claims about these networks; else all.

    Returns
    -------
    tuple of LedgerLine
        In the order of claims.toml; what no run on the paper's data and protocol tests is *not run*.
    """
    of_the_paper = {(answer.claim.id, answer.place): answer for answer in found if answer.of_the_paper}
    corrected = _corrected(of_the_paper)
    wanted = None if places is None else set(places)
    lines = []
    for claim, place in places_of_the_paper():
        if wanted is None or place in wanted:
            answer = of_the_paper.get((claim.id, place))
            lines.append(_not_run(claim, place) if answer is None else _line(answer, corrected))
    return tuple(lines)


def beyond(found: Sequence[Answer]) -> Table:
    """List what is not on the paper's data and protocol, or not its question: numbers and intervals."""
    rows = [
        (
            dataset_title(answer.place.dataset),
            answer.place.network or "all",
            answer.subject,
            answer.ours,
            *(NOTHING if one is None else str(one) for one in (answer.difference, answer.best)),
            answer.terms,
        )
        for answer in found
        if not answer.of_the_paper
    ]
    columns = ("dataset", "network", "what", "ours", "difference", "best epoch", "runs")
    return Table(columns, tuple(sorted(rows, key=lambda row: row[:2])))


def sources() -> Table:
    """Where each claim of the paper was found."""
    return Table(("claim", "found in"), tuple((claim.text, claim.source) for claim in all_claims() if claim.places))


def _corrected(found: Mapping[Line, Answer]) -> dict[Line, tuple[float, int]]:
    """P-values of comparisons after Holm, and how many were corrected together.

    A family is all that the paper compares at one place: what is not tested here counts with a p-value of 1, so that
    a report of few runs decides nothing that all runs together leave open.
    """
    families: dict[Place, dict[Line, float]] = {}
    for claim, place in places_of_the_paper():
        if claim.is_comparison:
            families.setdefault(place, {})[claim.id, place] = _p_value(found.get((claim.id, place)))
    return {
        line: (value, len(family))
        for family in families.values()
        for line, value in zip(family, holm([*family.values()]), strict=True)
    }


def _p_value(answer: Answer | None) -> float:
    if answer is None or answer.difference is None or answer.difference.n < ENOUGH:
        return 1.0
    return answer.difference.p_value(-answer.margin)


def _line(answer: Answer, corrected: Mapping[Line, tuple[float, int]]) -> LedgerLine:
    key = answer.claim.id, answer.place
    if answer.difference is None:
        judgement = Judgement(Verdict.NOT_RUN)
    elif key in corrected:
        judgement = judge_comparison(answer.difference, answer.margin, *corrected[key])
    else:
        judgement = judge(answer.difference, answer.margin)
    return LedgerLine(
        answer.claim,
        _title(answer.claim, answer.place),
        judgement,
        command_of(answer.claim, answer.place),
        answer.ours,
        answer.terms,
        tuple(_beside(answer)),
    )


def _beside(answer: Answer) -> Iterable[str]:
    if answer.note:
        yield answer.note
    if answer.best is not None:
        yield f"best epoch: {answer.best}"
    for row, difference in answer.others:
        steps = f", T = {row.time_steps}" if row.time_steps else ""
        memory = "" if row.certainty == "seen" else ", from memory"
        judged = judge(difference)  # that the paper is above it is what it says
        yield f"{row.title}{steps} ({row}{memory}): {difference}, {judged.verdict}"


def _title(claim: Claim, place: Place) -> str:
    if claim.is_comparison:
        return f"{claim.text}: {dataset_title(place.dataset)}, {place.network}"
    return claim.text


def _not_run(claim: Claim, place: Place) -> LedgerLine:
    """Return the line of a claim that nothing on the paper's data and protocol tests."""
    judgement = Judgement(Verdict.NOT_RUN, reason=claim.lacking)
    return LedgerLine(claim, _title(claim, place), judgement, command_of(claim, place))
