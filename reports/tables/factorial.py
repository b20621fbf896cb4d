"""Pieces of TSSL-BP's gradient, each with the others, on target spike trains; the rules are in docs/sequences.md."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.tracking import CONFIG
from reports.cells import PROBLEM
from reports.published import METHOD
from reports.settings import settings_in
from reports.statistics import Difference, mean_difference
from reports.tables.cells import NOTHING, called_in_words, number

CALLED = "distance is"


class Factor(NamedTuple):
    """A setting that is changed.

    Parameters
    ----------
    key : str
        Its dotted name.
    before, after : str
        Its values, as text: that of the authors' last version, and the other one.
    """

    key: str
    before: str
    after: str


FACTORS: Mapping[str, Factor] = {
    "tau_s": Factor("parameters.lif.tau_s", "3.0", "2.0"),
    "gate": Factor("parameters.gradient.gate", "neuron", "layer"),
    "inverse_max": Factor("parameters.gradient.inverse_max", "8.0", "1.25"),
    "intra_neuron": Factor("parameters.gradient.intra_neuron", "True", "False"),
}
"""By the names of columns."""

GRADIENT = [name for name in FACTORS if name != "tau_s"]
EVERYWHERE = "always"
"""The gate with which the surrogate is everywhere; the factors of the gradient are not read then."""


def factorial_runs(finished: pd.DataFrame) -> pd.DataFrame:
    """Find the runs of a factorial: on one problem, with all combinations of the levels of `FACTORS`.

    Parameters
    ----------
    finished : DataFrame
        Finished runs with target spike trains.

    Returns
    -------
    DataFrame
        Those runs and the ones with the surrogate everywhere beside them, with a column of text for each factor; none
        if there is no complete factorial.
    """
    if finished.empty:
        return finished
    known = finished[finished[CONFIG].notna() & (finished["method"].str.partition(":")[0] == METHOD)]
    settings = [settings_in(text) for text in known[CONFIG]]
    levels = {name: [of_run.get(factor.key, "") for of_run in settings] for name, factor in FACTORS.items()}
    runs = known.assign(**levels)
    if runs.empty:
        return runs
    at_level = {name: runs[name].isin([factor.before, factor.after]) for name, factor in FACTORS.items()}
    crossed = runs[np.logical_and.reduce(list(at_level.values()))]
    alike = [*PROBLEM, "protocol", "epochs", "method"]
    for _, group in crossed.groupby(alike, sort=True):
        if len(group[[*FACTORS]].drop_duplicates()) == 2 ** len(FACTORS):
            same = runs[alike].eq(group[alike].iloc[0]).all(axis=1) & at_level["tau_s"]
            return runs[same & (runs.index.isin(group.index) | (runs["gate"] == EVERYWHERE))]
    return runs.iloc[:0]


def effect_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Main effects and two-way interactions, seed by seed.

    Parameters
    ----------
    runs : DataFrame
        See `factorial_runs`.

    Returns
    -------
    DataFrame
        A row a contrast; none without a factorial. A main effect is the mean over the cells with the second value less
        that over those with the first; an interaction is by how much the effect of one factor changes with the other.
    """
    crossed = runs[runs["gate"] != EVERYWHERE] if "gate" in runs else runs
    if crossed.empty:
        return pd.DataFrame()
    distance, exact = (_contrasts(crossed, metric) for metric in ("van_rossum", "exact_trains"))
    words = called_in_words([*distance.values()])
    return pd.DataFrame(
        {
            "effect of": " x ".join(_in_words(name) if len(names) == 1 else name for name in names),
            "n": distance[names].n,
            "van Rossum": str(distance[names]),
            "exact trains, points": str(exact[names].times(100)),
            CALLED: word,
        }
        for names, word in zip(distance, words, strict=True)
    )


def harm_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Each setting of the gradient, and less the surrogate everywhere, seed by seed and over both tau_s.

    Parameters
    ----------
    runs : DataFrame
        See `factorial_runs`.

    Returns
    -------
    DataFrame
        The surrogate everywhere first, then the settings; none without them.
    """
    found = harm(runs, "van_rossum")
    if not found:
        return pd.DataFrame()
    exact = harm(runs, "exact_trains")
    words = called_in_words([*found.values()])
    rows = [_harm_row(runs[runs["gate"] == EVERYWHERE], (EVERYWHERE, NOTHING, NOTHING))]
    for (setting, difference), word in zip(found.items(), words, strict=True):
        points = str(exact[setting].times(100))
        of_setting = runs[(runs[GRADIENT] == [*setting]).all(axis=1)]
        rows.append(_harm_row(of_setting, setting, str(difference), points, word))
    return pd.DataFrame(rows)


def harm(runs: pd.DataFrame, metric: str) -> dict[tuple[str, ...], Difference]:
    """Differences of each setting of the gradient from the surrogate everywhere, by the values of `GRADIENT`.

    Parameters
    ----------
    runs : DataFrame
        See `factorial_runs`, or those of one tau_s.
    metric : str
        Column.
    """
    if "gate" not in runs or (everywhere := runs[runs["gate"] == EVERYWHERE]).empty:
        return {}
    beside = everywhere.groupby("seed")[metric].mean()
    order = [f"{name}_order" for name in GRADIENT]
    rest = runs[runs["gate"] != EVERYWHERE]
    ranks = {f"{name}_order": rest[name] == FACTORS[name].after for name in GRADIENT}
    found = {}
    for _, cell in rest.assign(**ranks).groupby(order, sort=True):
        pairs = (cell.groupby("seed")[metric].mean() - beside).dropna()
        found[tuple(cell[GRADIENT].iloc[0])] = mean_difference(pairs.tolist())
    return found


def _contrasts(crossed: pd.DataFrame, metric: str) -> dict[tuple[str, ...], Difference]:
    """Main effects, then interactions, by the names of their factors."""
    table = crossed.pivot_table(index="seed", columns=[*FACTORS], values=metric).dropna()
    signs = {
        name: np.where(table.columns.get_level_values(name) == factor.after, 1, -1) for name, factor in FACTORS.items()
    }
    found = {}
    for order in (1, 2):
        for names in combinations(FACTORS, order):
            sign = np.prod([signs[name] for name in names], axis=0)
            of_seed = table.to_numpy() @ sign * 2**order / len(sign)
            found[names] = mean_difference(of_seed.tolist())
    return found


def _harm_row(
    runs: pd.DataFrame, setting: tuple[str, ...], less: str = NOTHING, points: str = NOTHING, word: str = NOTHING
) -> dict[str, str]:
    own = {
        f"van Rossum, tau_s = {float(level):g}": number(runs.loc[runs["tau_s"] == level, "van_rossum"])
        for level in (FACTORS["tau_s"].before, FACTORS["tau_s"].after)
    }
    about = dict(zip(GRADIENT, map(_level, setting), strict=True))
    return {**about, **own, "minus the surrogate everywhere": less, "exact trains, points": points, CALLED: word}


def _in_words(name: str) -> str:
    factor = FACTORS[name]
    return f"{name}: {_level(factor.before)} to {_level(factor.after)}"


def _level(text: str) -> str:
    return {"True": "on", "False": "off"}.get(text, text.removesuffix(".0"))
