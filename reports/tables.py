"""Tables of a report: pure functions of the tidy table of runs."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from baselines.method import is_spiking, method_title
from reports.published import Published, published_for
from tssl_core.architecture import parse_architecture

CELL = ["dataset", "architecture", "method", "time_steps", "protocol", "epochs"]
"""Runs that differ in nothing but the seed."""

NOTHING = "-"


def summarise(finished: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and number of the finished runs of each cell.

    Parameters
    ----------
    finished : DataFrame
        A row a run, see `reports.load.Results`.

    Returns
    -------
    DataFrame
        A row a cell; the standard deviation (n - 1) is missing for a single run.
    """
    groups = finished.groupby(CELL, sort=True, dropna=False)
    return groups.agg(
        n=("seed", "size"),
        last_mean=("accuracy_last", "mean"),
        last_std=("accuracy_last", "std"),
        best_mean=("accuracy_best", "mean"),
        best_std=("accuracy_best", "std"),
        silent=("silent_fraction", "mean"),
        latency_ms=("latency_ms", "mean"),
        seconds=("training_seconds", "mean"),
    ).reset_index()


def comparison_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Ours beside the published value, a row a cell, ready to print.

    The difference is that of the means of the best test epoch, which is how the paper counts. It is given whatever
    the number of epochs; the columns of both say whether the protocols are equal. Columns without a value are left out.
    """
    cells = summarise(finished).to_dict("records")
    table = pd.DataFrame([_comparison_row(cell) for cell in cells])
    return table.drop(columns=[column for column in table if (table[column] == NOTHING).all()])


def unfinished_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs without a result, with the reason."""
    rest = runs[runs["status"] != "finished"]
    table = rest[["dataset", "method", "time_steps", "seed", "status", "reason"]].copy()
    return table.rename(columns={"time_steps": "T"}).fillna(NOTHING)


def published_table(results: Sequence[Published], finished: pd.DataFrame) -> pd.DataFrame:
    """Published results as they are, with source and certainty, and whether there is a run to compare with.

    Parameters
    ----------
    results : sequence of Published
        All of one dataset.
    finished : DataFrame
        Finished runs of that dataset; none of their numbers is shown.
    """
    runs = finished[["architecture", "method", "time_steps"]].drop_duplicates()
    ours = [
        (parse_architecture(architecture).plain, method, int(steps))
        for architecture, method, steps in runs.itertuples(index=False)
    ]
    table = pd.DataFrame(
        {
            "network": row.architecture or row.network,
            "method": row.title,
            "T": row.time_steps or NOTHING,
            "epochs": row.epochs or NOTHING,
            "accuracy %": str(row),
            "certainty": row.certainty_text,
            "here": "run" if any(row.matches(*run) for run in ours) else "published only",
            "source": row.source,
        }
        for row in results
    )
    one_network = table["network"].nunique() == 1
    return table.drop(columns="network") if one_network else table


def _comparison_row(cell: Mapping[Hashable, Any]) -> dict[str, Any]:
    network = parse_architecture(cell["architecture"]).plain
    published = published_for(cell["dataset"], network, cell["method"], cell["time_steps"])
    return {
        "dataset": cell["dataset"],
        "network": network,
        "method": method_title(cell["method"]),
        "T": cell["time_steps"] if is_spiking(cell["method"]) else NOTHING,
        "epochs": cell["epochs"],
        "n": cell["n"],
        "last epoch %": percent(cell["last_mean"], cell["last_std"]),
        "best epoch %": percent(cell["best_mean"], cell["best_std"]),
        "published %": _published(published),
        "source": _source(published),
        "difference": _difference(cell["best_mean"], published),
        "silent": NOTHING if pd.isna(cell["silent"]) else f"{cell['silent']:.1%}",
        "ms/sample": f"{cell['latency_ms']:.3f}",
        "training s": f"{cell['seconds']:.0f}",
    }


def percent(mean: float, std: float) -> str:
    """``89.75 ± 0.03``, or the mean alone where there is no standard deviation."""
    return f"{100 * mean:.2f}" + ("" if pd.isna(std) else f" ± {100 * std:.2f}")


def _published(published: Published | None) -> str:
    if published is None:
        return NOTHING
    return str(published) if published.certainty == "seen" else f"{published}, from memory"


def _source(published: Published | None) -> str:
    if published is None:
        return NOTHING
    epochs = f"{published.epochs} epochs" if published.epochs else "epochs not known"
    certainty = "" if published.certainty_text == "seen" else f"; {published.certainty_text}"
    return f"{published.source}; {epochs}{certainty}"


def _difference(best_mean: float, published: Published | None) -> str:
    if published is None:
        return NOTHING
    reference = published.mean if published.mean is not None else published.best
    return NOTHING if reference is None else f"{100 * best_mean - reference:+.2f}"
