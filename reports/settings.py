"""What tells cells apart that have dataset, network, method and T in common: the settings in which they differ."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import pandas as pd

from benchmarks.config.nested import differing_keys, flatten
from benchmarks.config.run import later_defaults, parameters_before, parameters_of
from benchmarks.tracking import CONFIG, CONFIG_COLUMNS
from reports.cells import CELL, KEY_LENGTH
from reports.statistics import FEWEST
from tssl_core.errors import ParameterError

BEST = "accuracy_best"

VALUE = "value of the setting"

PARAMETERS = "parameters."
LATER = {name: str(default) for name, default in later_defaults().items()}
"""What runs had of before there were these settings."""

INITIAL_WEIGHTS = "initial_weights"

OWNERS = (PARAMETERS, "optimizer.")
"""Tables whose keys say enough without them."""


def distinguishing_settings(runs: pd.DataFrame) -> Mapping[str, str]:
    """Name the cells that nothing but a setting tells apart, and those with other initial weights than the default.

    Parameters
    ----------
    runs : DataFrame
        A row a run, see `reports.load.Results`.

    Returns
    -------
    mapping of str to str
        The settings that differ, such as ``"surrogate_width = 1.0"``, by the key of the cell; without the cells that
        are alone with their method and T. Initial weights are named only where not all runs have the same. The
        beginning of the key itself stands for settings that are not known.
    """
    names: dict[str, str] = {}
    for _, cells in runs.drop_duplicates("cell_key").groupby(CELL[:-1], sort=False, dropna=False):
        if len(cells) > 1:
            names |= _by_settings(cells) or {key: key[:KEY_LENGTH] for key in cells["cell_key"]}
    return names | _with_initial_weights(runs, names)


def changed_settings(cell: pd.DataFrame, other: pd.DataFrame) -> str | None:
    """Name the settings of a cell that are not those of another, such as ``"loss = spike_count"``.

    Parameters
    ----------
    cell, other : DataFrame
        Runs of one cell each.

    Returns
    -------
    str or None
        None if the settings of either are not known.
    """
    ours, theirs = settings_of(cell), settings_of(other)
    return None if ours is None or theirs is None else _in_words(ours, differing_keys([ours, theirs]))


def nondefault_parameters(cell: pd.DataFrame) -> str | None:
    """Name the parameters of a cell's method that are neither its defaults nor those of its preset.

    Settings that are the same for all methods and not at their default, such as initial weights, are named with them.

    Parameters
    ----------
    cell : DataFrame
        Runs of one cell.

    Returns
    -------
    str or None
        None if the settings or the method are not known.
    """
    settings = settings_of(cell)
    if settings is None:
        return None
    try:
        own = LATER | dict(flatten(parameters_of(cell["method"].iloc[0]), PARAMETERS))
    except ParameterError:
        return None
    return _in_words(settings, [name for name, value in own.items() if settings.get(name, str(value)) != str(value)])


def cells_in_order(runs: pd.DataFrame, names: Mapping[str, str]) -> list[pd.DataFrame]:
    """Part runs into cells, in the order of `CELL` and, of one method and T, of their settings.

    Parameters
    ----------
    runs : DataFrame
        A row a run.
    names : mapping of str to str
        See `distinguishing_settings`.
    """
    setting = runs["cell_key"].map(lambda key: names.get(key, ""))
    return [cell for _, cell in runs.groupby([*CELL[:-1], setting, CELL[-1]], sort=True, dropna=False)]


def varied_setting(runs: pd.DataFrame) -> tuple[str, pd.DataFrame] | None:
    """Find the one setting whose values methods were run with, such as learning rates.

    Parameters
    ----------
    runs : DataFrame
        Runs on equal terms.

    Returns
    -------
    (str, DataFrame) or None
        Name of the setting, and the runs of the methods that have several values of it, with the value as a number in
        column `VALUE`. None if nothing or more than one thing was varied, or if its values are no numbers.
    """
    known = runs.dropna(subset=CONFIG)
    settings = known.assign(**{CONFIG: known[CONFIG].map(settings_in)})
    cells = settings.drop_duplicates("cell_key").groupby(CELL[:-1], dropna=False)
    differing = {name for _, alike in cells for name in differing_keys(alike[CONFIG].tolist())}
    if len(differing) != 1:
        return None
    (name,) = differing
    words = settings[CONFIG].map(lambda of_run: of_run.get(name))
    several = words.groupby([known["method"], known["time_steps"]]).transform("nunique") > 1
    values = pd.to_numeric(words[several], errors="coerce")
    return None if values.isna().any() else (_shortened([name])[name], known[several].assign(**{VALUE: values}))


def select_best_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """Of cells that differ in settings alone the most accurate one, first of all of those that enough seeds decide.

    What is claimed to be worse is to be at its best, and not at the mean over good and bad settings.

    Parameters
    ----------
    runs : DataFrame
        Of one method on equal terms, perhaps none.
    """
    return _first_of_cells(runs, most_seeds=FEWEST)


def select_main_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """Of cells that differ in settings alone the one with most seeds; of equally many the most accurate.

    Of equally many, one in the default precision goes before all others. What is claimed to be better is to be as it is
    studied, and not chosen for the comparison.

    Parameters
    ----------
    runs : DataFrame
        Of one method on equal terms, perhaps none.
    """
    return _first_of_cells(runs, most_seeds=len(runs), default_first=True)


def _first_of_cells(runs: pd.DataFrame, *, most_seeds: int, default_first: bool = False) -> pd.DataFrame:
    """Of cells that differ in settings the one with most seeds, of which more than so many count for no more."""

    def rank(cell: pd.DataFrame) -> tuple[int, bool, float]:
        return min(len(cell), most_seeds), default_first and _in_default_precision(cell), cell[BEST].mean()

    return max((cell for _, cell in runs.groupby("cell_key", sort=True)), key=rank, default=runs)


def _in_default_precision(cell: pd.DataFrame) -> bool:
    settings = settings_of(cell)
    return settings is None or settings["precision"] == LATER["precision"]


def counterpart(cell: pd.DataFrame, among: Sequence[pd.DataFrame], names: Mapping[str, str]) -> pd.DataFrame:
    """Of the cells of another method the one with the same setting, or else of its main setting.

    Parameters
    ----------
    cell : DataFrame
        Runs of one cell.
    among : sequence of DataFrame
        At least one cell; all of one method and T.
    names : mapping of str to str
        See `distinguishing_settings`.
    """
    wanted = names.get(cell["cell_key"].iloc[0])
    same = [other for other in among if names.get(other["cell_key"].iloc[0]) == wanted]
    return same[0] if same else select_main_setting(pd.concat(among))


def _by_settings(cells: pd.DataFrame) -> Mapping[str, str]:
    """Nothing if they are not known of all cells, or do not tell them apart."""
    if cells[CONFIG].isna().any():
        return {}
    settings = {key: settings_in(text) for key, text in zip(cells["cell_key"], cells[CONFIG], strict=True)}
    differing = differing_keys(list(settings.values()))
    names = {key: _in_words(values, differing) for key, values in settings.items()}
    return names if len(set(names.values())) == len(names) else {}


def _with_initial_weights(runs: pd.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """Methods with other initial weights do not stand beside each other without a word."""
    known = runs.dropna(subset=CONFIG).drop_duplicates("cell_key")
    weights = {
        key: settings_in(text)[INITIAL_WEIGHTS] for key, text in zip(known["cell_key"], known[CONFIG], strict=True)
    }
    if len(set(weights.values())) < 2:
        return {}
    return {
        key: ", ".join(filter(None, (names.get(key), f"{INITIAL_WEIGHTS} = {value}")))
        for key, value in weights.items()
        if value != LATER[INITIAL_WEIGHTS] and INITIAL_WEIGHTS not in names.get(key, "")
    }


def settings_of(cell: pd.DataFrame) -> Mapping[str, str] | None:
    """Settings of a cell by dotted name, as text; None if they are not known."""
    text = cell[CONFIG].iloc[0]
    return None if pd.isna(text) else settings_in(text)


@cache
def settings_in(config: str) -> Mapping[str, str]:
    """Read the column of configurations: dotted names and values as text, without those that have their own column.

    What there was not yet when the run was made is at its default.
    """
    kept = json.loads(config)
    before = {PARAMETERS + name: str(value) for name, value in parameters_before(str(kept.get("method"))).items()}
    return LATER | before | {name: str(value) for name, value in flatten(kept) if name not in CONFIG_COLUMNS}


def _in_words(settings: Mapping[str, str], names: list[str]) -> str:
    short = _shortened(names)
    return ", ".join(f"{short[name]} = {settings.get(name, 'not set')}" for name in names)


def _shortened(names: list[str]) -> Mapping[str, str]:
    """Leave out the table that a setting is in, unless two would then read the same."""
    short = {name: name.removeprefix(OWNERS[0]).removeprefix(OWNERS[1]) for name in names}
    counts = Counter(short.values())
    return {name: text if counts[text] == 1 else name for name, text in short.items()}


def label_methods_by_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """Give cells that differ in a setting alone a name each, ``method:setting`` or ``method:preset, setting``.

    Figures know runs by their method and T, and would average such cells.
    """
    names = distinguishing_settings(runs)

    def named(method: str, key: str) -> str:
        if key not in names:
            return method
        return f"{method}{', ' if ':' in method else ':'}{names[key]}"

    return runs.assign(method=[named(*cell) for cell in zip(runs["method"], runs["cell_key"], strict=True)])
