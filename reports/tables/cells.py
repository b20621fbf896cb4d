"""What the tables share: rows that stand for cells, in the order of readers."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from baselines.method import is_spiking
from reports.cells import mean_and_std, percent, precision_of
from reports.settings import cells_in_order, distinguishing_settings
from reports.statistics import Difference, called
from reports.titles import method_title
from tssl_core.architecture import parse_architecture

NOTHING = "-"


def called_in_words(differences: Sequence[Difference | None]) -> list[str]:
    """What a table says of each comparison of a family, see `reports.statistics.called`."""
    return called(differences, "within the seeds' spread", NOTHING)


def about(first: pd.Series) -> dict[str, object]:
    """What every table says of a run's cell: dataset, network, method, T, profile and epochs."""
    return {
        "dataset": first["dataset"],
        "network": parse_architecture(first["architecture"]).plain,
        "method": method_title(first["method"]),
        "T": first["time_steps"] if is_spiking(first["method"]) else NOTHING,
        "profile": first["protocol"],
        "epochs": first["epochs"],
    }


def cells_of(finished: pd.DataFrame) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """What every table says of a cell, and its runs; methods in the order of their titles, then by T.

    Parameters
    ----------
    finished : DataFrame
        Finished runs.

    Yields
    ------
    (dict, DataFrame)
        Network, method, T, epochs, samples and number of runs; and the runs.
    """
    settings = distinguishing_settings(finished)
    for runs in cells_in_order(finished, settings):
        first = runs.iloc[0]
        yield (
            {
                **about(first),
                "training samples": NOTHING if pd.isna(first["train_samples"]) else f"{first['train_samples']:,}",
                "settings": settings.get(first["cell_key"], NOTHING),
                "precision": precision_of(runs),
                "n": len(runs),
            },
            runs,
        )


def without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the columns that have nothing in any row."""
    return table.drop(columns=[column for column in table if (table[column] == NOTHING).all()])


def without_constant(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Leave out those of some columns that say the same in every row."""
    return table.drop(columns=[name for name in columns if name in table and table[name].nunique() == 1])


def mean_in_words(values: pd.Series, text: Callable[[float], str]) -> str:
    """Print the mean of what is there, or `NOTHING`."""
    return NOTHING if values.isna().all() else text(float(values.mean()))


def share(values: pd.Series) -> str:
    """Print fractions as `percent`, or `NOTHING`."""
    return NOTHING if values.isna().all() else percent(values)


def number(values: pd.Series) -> str:
    """Print mean and standard deviation of what is no fraction, or `NOTHING`."""
    mean, std = mean_and_std(values.round(9))  # equal values differ in their last digits
    return NOTHING if pd.isna(mean) else f"{mean:.3g}" + ("" if std is None else f" ± {std:.2g}")


SILENT = "{:.1%}".format
"""How a silent fraction is printed."""
