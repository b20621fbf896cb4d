"""The runs that speak for a claim: on its data, least reduced, and with most epochs and seeds."""

import pandas as pd

from reports.cells import CELL
from reports.claims import AccuracyClaim, Claim
from reports.published import published_epochs
from reports.settings import BEST

PAPER = "paper"


def runs_about(claim: Claim, runs: pd.DataFrame) -> pd.DataFrame:
    """Runs on the claim's own datasets, or, where there are none, on its stand-ins."""
    own = runs[runs["dataset"].isin(claim.about)]
    return runs[runs["dataset"].isin(claim.stand_ins)] if own.empty else own


def strongest_cell(runs: pd.DataFrame, claim: Claim, by: list[str] | None = None) -> pd.DataFrame | None:
    """Of cells on different terms the one that says most, see `cells_by_strength`."""
    return next(iter(cells_by_strength(runs, claim, by)), None)


def cells_by_strength(runs: pd.DataFrame, claim: Claim, by: list[str] | None = None) -> list[pd.DataFrame]:
    """Cells on different terms, the one that says most first: least reduced, most epochs, most runs, most accurate."""
    groups = [group for _, group in runs.groupby(by or CELL, sort=True, dropna=False)]
    return sorted(
        groups,
        key=lambda group: (
            len(reductions(group, claim)),
            -group["epochs"].iloc[0],
            -len(group),
            -group[BEST].fillna(0).mean(),
        ),
    )


def reductions(runs: pd.DataFrame, claim: Claim) -> list[str]:
    """What some runs of a cell have less of than the claim's own terms."""
    first = runs.iloc[0]
    epochs = _epochs_of(claim, first["dataset"], first["architecture"])
    less = []
    if epochs is not None and first["epochs"] < epochs:
        less.append(f"{first['epochs']} of {epochs} epochs")
    less += [
        f"{first[column]:,} {part} samples"
        for column, part in (("train_samples", "training"), ("test_samples", "test"))
        if pd.notna(first[column])
    ]
    if first["protocol"] != PAPER:
        less.append(f"profile {first['protocol']}")
    return less


def _epochs_of(claim: Claim, dataset: str, architecture: str) -> int | None:
    """How long the paper trained, if that is known; a comparison is made on several networks."""
    if isinstance(claim, AccuracyClaim):
        return claim.published.epochs
    return published_epochs(dataset, architecture) or claim.epochs
