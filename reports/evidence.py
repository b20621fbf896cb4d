"""The runs that speak for a claim: on its data, least reduced, in the configuration that was published."""

import pandas as pd

from benchmarks.platform.precision import HALF
from benchmarks.study.published import published
from reports.cells import CELL, precision_of
from reports.claims import AccuracyClaim, Claim, Place
from reports.dated import version_of
from reports.load import LATE
from reports.published import METHOD, published_epochs
from reports.settings import BEST
from reports.statistics import FEWEST
from reports.titles import is_original

PAPER = "paper"

LAST_VERSION = "last version"
"""What the configuration of the authors' last version is called."""

STOOD = "2020-09"
"""The version of the authors' code that stood when their table of results was published, on 1 October 2020."""


def strongest_cell(runs: pd.DataFrame, claim: Claim) -> pd.DataFrame | None:
    """Of cells on different terms the one that says most, see `cells_by_strength`."""
    return next(iter(cells_by_strength(runs, claim, CELL)), None)


def cells_by_strength(runs: pd.DataFrame, claim: Claim, by: list[str]) -> list[pd.DataFrame]:
    """Cells on different terms, the one that says most first: least reduced, most epochs, most runs, most accurate."""
    groups = [group for _, group in runs.groupby(by, sort=True, dropna=False)]
    return sorted(
        groups,
        key=lambda group: (
            len(reductions(group, claim)),
            -group["epochs"].iloc[0],
            -len(group),
            -group[BEST].fillna(0).mean(),
        ),
    )


def configurations(runs: pd.DataFrame, claim: Claim) -> dict[str, pd.DataFrame]:
    """The cells that stand for a published number, by the name of the configuration, the one that decides first.

    That is the configuration that stood when the number was published, if it was run as long as the paper's training
    with at least `FEWEST` seeds, and else the authors' last version. Whatever else of the authors' configurations was
    run comes after it.

    Parameters
    ----------
    runs : DataFrame
        On the network and T of the number.
    claim : Claim
        It.
    """
    dated: dict[str, pd.DataFrame] = {}
    for cell in cells_by_strength(runs, claim, CELL):
        if (version := version_of(cell)) is not None and version.method != METHOD:
            dated.setdefault(version.month, cell)
    stood = published().versions[STOOD].month
    decides = stood in dated and len(dated[stood]) >= FEWEST and not reductions(dated[stood], claim)
    found = {stood: dated[stood]} if decides else {}
    last = strongest_cell(runs[runs["method"] == METHOD], claim)
    return {**found, **({} if last is None else {LAST_VERSION: last}), **dated}


def of_published_network(runs: pd.DataFrame, claim: AccuracyClaim) -> pd.DataFrame:
    """Those of some runs that have network and T of a published accuracy."""
    at_t = runs[(runs["time_steps"] == claim.published.time_steps) & (runs["dataset"] == claim.published.dataset)]
    known = at_t["architecture"].map(lambda name: Place.of(claim.published.dataset, name) in claim.places)
    return at_t[known.astype(bool)]


def stopped_runs(runs: pd.DataFrame, claim: AccuracyClaim) -> dict[str, pd.DataFrame]:
    """Trainings of the authors' configurations that did not come to their end, by the name of a configuration.

    Parameters
    ----------
    runs : DataFrame
        Of every status; those count that have an accuracy of some epoch.
    claim : AccuracyClaim
        Of their network.
    """
    unfinished = runs[(runs["status"] != "finished") & runs[LATE].notna()]
    found: dict[str, pd.DataFrame] = {}
    for _, cell in of_published_network(unfinished, claim).groupby("cell_key", sort=True):
        if (version := version_of(cell)) is not None and is_of_the_paper(claim, cell):
            found.setdefault(version.month, cell)
    return found


def is_of_the_paper(claim: Claim, runs: pd.DataFrame) -> bool:
    """Whether runs are on the network, the data and the protocol of a claim."""
    return place_of(runs) in claim.places and not reductions(runs, claim) and is_original(runs.iloc[0])


def reductions(runs: pd.DataFrame, claim: Claim) -> list[str]:
    """What some runs of a cell have less of than the paper's training on the same network, or the claim's.

    Sixteen bits of a product are less, too, until they have been shown to give what TF32 gives.
    """
    first = runs.iloc[0]
    epochs = _epochs_of(claim, runs)
    less = []
    if first["epochs"] < epochs:
        less.append(f"{first['epochs']} of {epochs} epochs")
    less += [
        f"{first[column]:,} {part} samples"
        for column, part in (("train_samples", "training"), ("test_samples", "test"))
        if pd.notna(first[column])
    ]
    if first["protocol"] != PAPER:
        less.append(f"profile {first['protocol']}")
    if first["precision"] in HALF:
        less.append(f"products in {first['precision']}")
    return less


def terms_of(claim: Claim, runs: pd.DataFrame, seeds: int) -> str:
    """Number of seeds, length of the training and whatever is not as in the paper, ready to print."""
    less = reductions(runs, claim)
    whole = [] if any("epochs" in text for text in less) else [f"{runs['epochs'].iloc[0]} epochs"]
    precision = precision_of(runs)
    products = [] if precision == "float32" or precision in HALF else [f"products in {precision}"]
    copy = [] if is_original(runs.iloc[0]) else ["on a copy of the data"]
    return "; ".join([f"n = {seeds}", *whole, *products, *less, *copy])


def _epochs_of(claim: Claim, runs: pd.DataFrame) -> int:
    """How long the paper trained, 0 where it did not."""
    if isinstance(claim, AccuracyClaim):
        return claim.published.epochs or 0
    published = published_epochs(*runs[["dataset", "architecture"]].iloc[0])
    return published or (claim.epochs if place_of(runs) in claim.places else 0)


def place_of(runs: pd.DataFrame) -> Place:
    """Dataset and network of some runs."""
    return Place.of(*runs[["dataset", "architecture"]].iloc[0])
