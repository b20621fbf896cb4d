"""The claims ledger: each claim of the paper held to the runs that can say something about it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from baselines.method import is_spiking, method_title
from baselines.tssl_bp_presets import PUBLISHED
from reports.cells import CELL, TERMS, on_equal_terms, percent, precision_of
from reports.claims import AccuracyClaim, BetterClaim, BoundClaim, Claim, StepsSufficeClaim, claims_about
from reports.dated import as_published_first
from reports.evidence import cells_by_strength, reductions, runs_about, strongest_cell
from reports.model import LedgerLine
from reports.published import METHOD
from reports.settings import BEST, distinguishing_settings, select_best_setting, select_main_setting
from reports.statistics import paired_difference
from reports.titles import dataset_title, is_original, network_title
from reports.verdicts import Judgement, Verdict, judge_best, judge_bound, judge_difference, judge_mean

RANKS = (*reversed(Verdict),)
"""The most favourable verdict last."""

FEW_STEPS = 5
"""The paper's T for images; fewer is not what it claims."""


def ledger(runs: pd.DataFrame) -> list[LedgerLine]:
    """Judge every claim that runs on their datasets can say something about.

    Parameters
    ----------
    runs : DataFrame
        Of one or more studies, as `reports.load.Results.runs`; only finished ones count.

    Returns
    -------
    list of LedgerLine
        In the order of claims.toml, for general claims one for each dataset and network; a claim about the datasets
        of these runs that none of them tests is a line with the verdict *not run*.
    """
    finished = runs[(runs["status"] == "finished") & (runs["evaluate_on"] == "test")]
    lines: list[LedgerLine] = []
    for claim in claims_about(runs["dataset"].dropna().unique()):
        found = list(_JUDGES[type(claim)](claim, finished))
        if not found and any(name in claim.about for name in runs["dataset"]):
            found = [not_run(claim)]
        lines += found
    return lines


def _accuracy(claim: AccuracyClaim, finished: pd.DataFrame) -> Iterator[LedgerLine]:
    """Hold the runs on the claim's network and T to it, the method itself first, then its other published versions."""
    of_network = finished[finished["architecture"].map(claim.is_of).astype(bool)]
    runs = runs_about(claim, of_network[of_network["time_steps"] == claim.steps])
    own = strongest_cell(runs[runs["method"] == METHOD], claim)
    if own is None:
        return
    line = _accuracy_line(claim, own)
    yield _with_versions(line, runs, own, lambda runs: _accuracy_line(claim, select_best_setting(runs)))


def _accuracy_line(claim: AccuracyClaim, runs: pd.DataFrame) -> LedgerLine:
    published, ours = claim.published, (100 * runs[BEST]).tolist()
    if published.mean is not None:
        judgement = judge_mean(ours, published.mean, published.std)
    elif published.best is not None:
        judgement = judge_best(ours, published.best)
    less, other = reductions(runs, claim), _other_data(claim, runs)
    if other and runs["dataset"].iloc[0] in claim.stand_ins:
        judgement = Judgement(Verdict.NOT_RUN, judgement.difference, "accuracies on other data do not compare")
    elif less and judgement.verdict is not Verdict.REPRODUCED:
        judgement = Judgement(Verdict.NOT_RUN, judgement.difference, "so short a training decides nothing")
    return _line(claim, runs, percent(runs[BEST]), judgement)


def _bound(claim: BoundClaim, finished: pd.DataFrame) -> Iterator[LedgerLine]:
    """Hold the runs that the claim is about to its bound: the method itself, then its other published versions."""
    runs = runs_about(claim, finished[finished[claim.metric].notna()])
    for column, value in claim.where.items():
        runs = runs[runs[column] == value]
    by = [name for name in TERMS if name != "architecture"] if claim.pooled else CELL
    own = strongest_cell(runs[runs["method"] == METHOD], claim, by=by)
    if own is not None:
        yield _with_versions(_bound_line(claim, own), runs, own, lambda cell: _bound_line(claim, cell))


def _bound_line(claim: BoundClaim, runs: pd.DataFrame) -> LedgerLine:
    values = runs[claim.metric]
    return _line(claim, runs, percent(values), judge_bound(values.tolist(), claim.at_least))


def _with_versions(
    line: LedgerLine, runs: pd.DataFrame, own: pd.DataFrame, judge: Callable[[pd.DataFrame], LedgerLine]
) -> LedgerLine:
    """A claim that another published version of the method reproduces, on the terms of its own runs, is so partly.

    Of a version that was also run with single changes, the runs as it was published count.

    Parameters
    ----------
    line : LedgerLine
        Of the method itself.
    runs, own : DataFrame
        All that the claim is about, and those that `line` is of.
    judge : callable
        Gives the line of other runs.
    """
    if line.judgement.verdict not in (Verdict.PARTLY, Verdict.NOT_REPRODUCED):
        return line
    equal = on_equal_terms(runs, own)
    versions = equal[equal["method"].isin([f"{METHOD}:{preset}" for preset in PUBLISHED])]
    others = {str(name): judge(as_published_first(cells)) for name, cells in versions.groupby("method")}
    if not others:
        return line
    name = max(others, key=lambda name: _rank(others[name].judgement))
    other = others[name]
    reproduces = other.judgement.verdict is Verdict.REPRODUCED
    told = f"{method_title(name)} {'reproduces it with' if reproduces else 'comes to'} {other.ours}"
    verdict = Verdict.PARTLY if reproduces else line.judgement.verdict
    reason = "; ".join(filter(None, (line.judgement.reason, told)))
    return replace(line, judgement=Judgement(verdict, line.judgement.difference, reason))


def _rank(judgement: Judgement) -> tuple[int, float]:
    """Order of judgements of one claim, the most favourable last."""
    return RANKS.index(judgement.verdict), float(judgement.difference)


def _better(claim: BetterClaim, finished: pd.DataFrame) -> Iterator[LedgerLine]:
    """Set the method beside another at the smallest T from `FEW_STEPS` on that both have, else at one below."""
    settings = distinguishing_settings(finished)

    def judge(ours: pd.DataFrame) -> LedgerLine | None:
        others = on_equal_terms(finished[finished["method"] == claim.than], ours)
        for steps in sorted(ours["time_steps"].unique(), key=lambda steps: (steps < FEW_STEPS, steps)):
            own = select_main_setting(ours[ours["time_steps"] == steps])
            theirs = select_best_setting(others[others["time_steps"] == steps] if is_spiking(claim.than) else others)
            difference = paired_difference(own, theirs, BEST)
            if difference is not None:
                judgement = judge_difference(difference.times(100), 0.0)
                shown = f"T = {steps}: {percent(own[BEST])}; {method_title(claim.than)}: {percent(theirs[BEST])}"
                if setting := settings.get(theirs["cell_key"].iloc[0]):
                    shown += f" with {setting}"
                return _line(claim, pd.concat([own, theirs]), shown, judgement, seeds=difference.n)
        return None

    return _of_each_network(claim, finished[finished["method"] == METHOD], judge)


def _steps_suffice(claim: StepsSufficeClaim, finished: pd.DataFrame) -> Iterator[LedgerLine]:
    """Set the claim's T beside the largest there is, if that is at least twice as large."""

    def judge(runs: pd.DataFrame) -> LedgerLine | None:
        most = runs["time_steps"].max()
        few, many = (select_main_setting(runs[runs["time_steps"] == steps]) for steps in (claim.time_steps, most))
        difference = paired_difference(few, many, BEST)
        if difference is None or most < 2 * claim.time_steps:
            return None
        shown = f"T = {claim.time_steps}: {percent(few[BEST])}; T = {most}: {percent(many[BEST])}"
        judgement = judge_difference(difference.times(100), claim.margin)
        return _line(claim, pd.concat([few, many]), shown, judgement, seeds=difference.n)

    return _of_each_network(claim, finished[finished["method"] == METHOD], judge)


_JUDGES: dict[type, Callable[[Any, pd.DataFrame], Iterator[LedgerLine]]] = {
    AccuracyClaim: _accuracy,
    BoundClaim: _bound,
    BetterClaim: _better,
    StepsSufficeClaim: _steps_suffice,
}


def _line(claim: Claim, runs: pd.DataFrame, ours: str, judgement: Judgement, *, seeds: int | None = None) -> LedgerLine:
    less, other = reductions(runs, claim), _other_data(claim, runs)
    limits = (*(["reduced protocol"] if less else []), *(["other data"] if other else []))
    decided = judgement.verdict is not Verdict.NOT_RUN
    runs_on = network_title(runs.iloc[0]) if isinstance(claim, BetterClaim | StepsSufficeClaim) else ""
    return LedgerLine(claim, judgement, ours, _protocol(runs, less + other, seeds), limits if decided else (), runs_on)


def not_run(claim: Claim) -> LedgerLine:
    """Return the line of a claim that nothing tests."""
    return LedgerLine(claim, Judgement(Verdict.NOT_RUN))


def _of_each_network(
    claim: Claim, runs: pd.DataFrame, judge: Callable[[pd.DataFrame], LedgerLine | None]
) -> Iterator[LedgerLine]:
    """Judge, for each dataset and network that the claim concerns, the strongest group on equal terms that can be.

    Parameters
    ----------
    claim, runs
        What is to be judged, and by which runs.
    judge : callable
        Gives the line of a group, or None if it lacks the runs to compare with.
    """
    runs = runs[runs["dataset"].map(claim.concerns).astype(bool)]
    for _, of_network in runs.groupby(["dataset", "architecture"], sort=True):
        lines = (judge(group) for group in cells_by_strength(of_network, claim, by=TERMS))
        line = next((line for line in lines if line is not None), None)
        if line is not None:
            yield line


def _other_data(claim: Claim, runs: pd.DataFrame) -> list[str]:
    """In how far the data are not those of the claim."""
    first = runs.iloc[0]
    if first["dataset"] not in claim.about:
        return [f"on {dataset_title(first['dataset'])}"]
    return [] if is_original(first) else ["on a copy of the data"]


def _protocol(runs: pd.DataFrame, deviations: list[str], seeds: int | None = None) -> str:
    n = len(runs) if seeds is None else seeds
    whole = [] if any("epochs" in text for text in deviations) else [f"{runs['epochs'].iloc[0]} epochs"]
    precision = precision_of(runs)
    products = [] if precision == "float32" else [f"products in {precision}"]
    return "; ".join([f"n = {n}", *whole, *products, *deviations])
