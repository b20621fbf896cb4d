"""Settings of TSSL-BP's gradient beside the gradient of a smoothed loss; the rules are in docs/sequences.md."""

from collections.abc import Iterator
from math import sqrt

import pandas as pd

from reports.statistics import Difference, mean_difference
from reports.tables.cells import NOTHING, called_in_words
from reports.tables.factorial import EVERYWHERE

SETTING = ["gate", "inverse_max", "intra_neuron"]
STATE = ["trained_with", "epochs"]
ALONE = "never"
"""The gate with which the timing term is alone."""

DECIDES = 0.2
"""Noise that conclusions are drawn from, in thresholds."""

LAYERS = ("layer1", "layer2", "output")


def alignment_tables(alignment: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and table of each state of the networks: cosines by layer, and less the surrogate everywhere.

    Parameters
    ----------
    alignment : DataFrame
        See `reports.load.Results`.
    """
    chosen = alignment[(alignment["sigma"] == DECIDES) & (alignment["place"] == "all")]
    for _, rows in chosen.groupby(STATE, sort=True):
        yield state_title(rows), _table(rows)


def noise_table(alignment: pd.DataFrame) -> pd.DataFrame:
    """Cosines by state of the networks and noise, means over seeds and layers.

    Parameters
    ----------
    alignment : DataFrame
        See `reports.load.Results`.
    """
    everywhere = alignment[alignment["place"] == "all"]
    rows = []
    for setting, of_setting in everywhere.groupby(SETTING, sort=False):
        row = _about(*setting)
        for _, cell in of_setting.groupby([*STATE, "sigma"], sort=True):
            row[f"{state_title(cell)}, {cell['sigma'].iloc[0]:g}"] = _mean(cell["cosine"])
        rows.append(row)
    return pd.DataFrame(rows)


def place_table(alignment: pd.DataFrame) -> pd.DataFrame:
    """Cosines and equal signs by place, means over seeds, states and layers.

    Parameters
    ----------
    alignment : DataFrame
        See `reports.load.Results`.
    """
    rows = []
    for setting, of_setting in alignment.groupby(SETTING, sort=False):
        row = _about(*setting)
        for place in ("spike", "after a spike", "silent"):
            there = of_setting[(of_setting["place"] == place) & (of_setting["sigma"] == DECIDES)]
            row |= {f"cosine, {place}": _mean(there["cosine"]), f"signs, {place}": _mean(there["signs"])}
        rows.append(row)
    return pd.DataFrame(rows)


def state_title(rows: pd.DataFrame) -> str:
    """What the state of the networks of some rows is called."""
    trained_with, epochs = rows[STATE].iloc[0]
    gradient = "the surrogate everywhere" if trained_with == EVERYWHERE else f"the gate {trained_with}"
    return f"After {epochs} epochs with {gradient}" if epochs else "Initial weights"


def ceiling(rows: pd.DataFrame) -> float:
    """The most that a cosine with an estimate can be expected to be, of the agreement of its halves; 0 without any."""
    of_halves = max(0.0, float(rows["cosine_of_halves"].mean()))
    return sqrt(2 * of_halves / (1 + of_halves))


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    everywhere = _by_seed(rows[rows["gate"] == EVERYWHERE])
    table, differences = [], list[Difference | None]()
    for setting, of_setting in rows.groupby(SETTING, sort=False):
        own = _by_seed(of_setting)
        less = own - everywhere
        beside = setting[0] != EVERYWHERE and len(own) > 0
        differences.append(mean_difference(less.tolist()) if beside and setting[0] != ALONE else None)
        layers = {name: _mean(of_setting.loc[of_setting["layer"] == name, "cosine"]) for name in LAYERS}
        table.append(
            {
                **_about(*setting),
                **layers,
                "mean of layers": str(mean_difference(own.tolist())) if len(own) else NOTHING,
                "minus the surrogate everywhere": str(mean_difference(less.tolist())) if beside else NOTHING,
            }
        )
    words = called_in_words(differences)
    ceilings = {name: f"{ceiling(rows[rows['layer'] == name]):.2f}" for name in LAYERS}
    last = {**_about("ceiling", NOTHING, NOTHING), **ceilings}
    table = [{**row, "cosine is": word} for row, word in zip(table, words, strict=True)]
    return pd.DataFrame([*table, last]).fillna(NOTHING)


def _about(gate: object, inverse_max: object, intra_neuron: object) -> dict[str, str]:
    if gate == EVERYWHERE:
        inverse_max, intra_neuron = NOTHING, NOTHING
    clamp = inverse_max if isinstance(inverse_max, str) else f"{inverse_max:g}"
    intra = intra_neuron if isinstance(intra_neuron, str) else ("on" if intra_neuron else "off")
    return dict(zip(SETTING, (str(gate), clamp, intra), strict=True))


def _by_seed(rows: pd.DataFrame) -> pd.Series:
    """Mean cosine over the layers by seed, where there is one in each layer."""
    return rows.groupby("seed")["cosine"].agg(lambda values: values.mean(skipna=False)).dropna()


def _mean(values: pd.Series) -> str:
    return NOTHING if values.isna().all() else f"{values.mean():.2f}"
