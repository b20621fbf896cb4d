"""What tells cells apart that have dataset, network, method and T in common: the settings in which they differ."""

import json
from collections import Counter
from collections.abc import Mapping

import pandas as pd

from benchmarks.tracking import SETTINGS
from reports.cells import CELL, KEY_LENGTH

OWNERS = ("parameters.", "optimizer.")
"""Tables whose keys say enough without them."""


def distinctions(runs: pd.DataFrame) -> Mapping[str, str]:
    """Name the cells that nothing but a setting tells apart.

    Parameters
    ----------
    runs : DataFrame
        A row a run, see `reports.load.Results`.

    Returns
    -------
    mapping of str to str
        The settings that differ, such as ``"surrogate_width = 1.0"``, by the key of the cell; without the cells that
        are alone with their method and T. The beginning of the key itself stands for settings that are not known.
    """
    names: dict[str, str] = {}
    for _, alike in runs.groupby(CELL[:-1], sort=False, dropna=False):
        cells = alike.drop_duplicates("cell_key")
        if len(cells) > 1:
            names |= _by_settings(cells) or {key: key[:KEY_LENGTH] for key in cells["cell_key"]}
    return names


def _by_settings(cells: pd.DataFrame) -> Mapping[str, str]:
    """Nothing if they are not known of all cells, or do not tell them apart."""
    if cells[SETTINGS].isna().any():
        return {}
    settings = {key: json.loads(text) for key, text in zip(cells["cell_key"], cells[SETTINGS], strict=True)}
    known = dict.fromkeys(name for values in settings.values() for name in values)
    differing = [name for name in known if len({values.get(name) for values in settings.values()}) > 1]
    short = _shortened(differing)
    names = {
        key: ", ".join(f"{short[name]} = {values.get(name, 'not set')}" for name in differing)
        for key, values in settings.items()
    }
    return names if len(set(names.values())) == len(names) else {}


def _shortened(names: list[str]) -> Mapping[str, str]:
    """Leave out the table that a setting is in, unless two would then read the same."""
    short = {name: name.removeprefix(OWNERS[0]).removeprefix(OWNERS[1]) for name in names}
    counts = Counter(short.values())
    return {name: text if counts[text] == 1 else name for name, text in short.items()}


def told_apart(runs: pd.DataFrame) -> pd.DataFrame:
    """Give cells that differ in a setting alone a name each, ``method:setting`` or ``method:preset, setting``.

    Figures know runs by their method and T, and would average such cells.
    """
    names = distinctions(runs)

    def named(method: str, key: str) -> str:
        if key not in names:
            return method
        return f"{method}{', ' if ':' in method else ':'}{names[key]}"

    return runs.assign(method=[named(*cell) for cell in zip(runs["method"], runs["cell_key"], strict=True)])
