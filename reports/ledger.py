"""The two tables at the head of a report: the paper's claims with verdicts, and what is beyond the paper without."""

from collections.abc import Iterable, Sequence

import pandas as pd

from reports.answers import Answer, answers
from reports.claims import Claim, Place, all_claims, places_of_the_paper
from reports.model import LedgerLine, Table
from reports.statistics import holm
from reports.tables.cells import NOTHING
from reports.titles import dataset_title
from reports.verdicts import Judgement, Verdict, judge, judge_comparison


def answers_of(runs: pd.DataFrame) -> list[Answer]:
    """Answer every question that runs can say something about.

    Parameters
    ----------
    runs : DataFrame
        Of one or more studies, as `reports.load.Results.runs`; only finished ones on test samples count.
    """
    finished = runs[(runs["status"] == "finished") & (runs["evaluate_on"] == "test")]
    return [answer for claim in all_claims() for answer in answers(claim, finished)]


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
    adjusted = _adjusted([answer for answer in of_the_paper.values() if answer.is_comparison])
    wanted = None if places is None else set(places)
    lines = []
    for claim, place in places_of_the_paper():
        if wanted is None or place in wanted:
            answer = of_the_paper.get((claim.id, place))
            lines.append(_not_run(claim, place) if answer is None else _line(answer, adjusted))
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
    columns = ("dataset", "network", "what", "ours", "difference", "best epoch", "terms")
    return Table(columns, tuple(sorted(rows, key=lambda row: row[:2])))


def _adjusted(comparisons: Sequence[Answer]) -> dict[tuple[str, Place], float]:
    """P-values of comparisons after Holm, those of one place being a family, by claim and place."""
    adjusted: dict[tuple[str, Place], float] = {}
    for place in {answer.place for answer in comparisons}:
        family = [answer for answer in comparisons if answer.place == place and answer.difference is not None]
        values = holm([answer.difference.p_value(-answer.margin) for answer in family if answer.difference is not None])
        adjusted |= {(answer.claim.id, place): value for answer, value in zip(family, values, strict=True)}
    return adjusted


def _line(answer: Answer, adjusted: dict[tuple[str, Place], float]) -> LedgerLine:
    key = answer.claim.id, answer.place
    if answer.difference is None:
        judgement = Judgement(Verdict.NOT_RUN)
    elif key in adjusted:
        judgement = judge_comparison(answer.difference, answer.margin, adjusted[key])
    else:
        judgement = judge(answer.difference, answer.margin)
    return LedgerLine(
        answer.claim,
        _title(answer.claim, answer.place),
        judgement,
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
        judged = judge(difference, answer.margin)
        yield f"{row.title}{steps} ({row}{memory}): {difference}, {judged.verdict}"


def _title(claim: Claim, place: Place) -> str:
    if claim.kind in ("better", "steps_suffice"):
        return f"{claim.text}: {dataset_title(place.dataset)}, {place.network}"
    return claim.text


def _not_run(claim: Claim, place: Place) -> LedgerLine:
    """Return the line of a claim that nothing on the paper's data and protocol tests."""
    return LedgerLine(claim, _title(claim, place), Judgement(Verdict.NOT_RUN, reason=claim.lacking))
