"""What a study does not have, and why."""

import pandas as pd

from baselines.method import is_spiking
from reports.cells import TERMS
from reports.tables.cells import NOTHING
from reports.titles import method_title


def unfinished_table(runs: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Runs without a result: how far they came, how accurate they were by then, and the reason.

    Parameters
    ----------
    runs, epochs : DataFrame
        All of both, see `reports.load.Results`.
    """
    rest = runs[runs["status"] != "finished"]
    table = rest[["dataset", "method", "time_steps", "seed", "status", "reason"]].copy()
    table["reason"] = table["reason"].astype(object).fillna(NOTHING)
    accuracies = epochs.reindex(columns=["run_key", "test_accuracy"])  # spike trains that are learnt have none
    of_run = accuracies.groupby("run_key")["test_accuracy"]
    done, best = rest["run_key"].map(of_run.size()).fillna(0), rest["run_key"].map(of_run.max())
    table.insert(4, "epochs", [f"{count:.0f} of {whole}" for count, whole in zip(done, rest["epochs"], strict=True)])
    table.insert(5, "best so far %", [NOTHING if pd.isna(value) else f"{100 * value:.2f}" for value in best])
    return table.rename(columns={"time_steps": "T"})


def missing_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Combinations of the methods, T and seeds of a study for which no run was ever begun.

    Parameters
    ----------
    runs : DataFrame
        All runs, whatever their status. What is expected is the grid that they span on equal terms.

    Returns
    -------
    DataFrame
        A row a method and T that lacks seeds; empty if the grid is complete.
    """
    rows = []
    for _, group in runs.groupby(TERMS, sort=True, dropna=False):
        spiking = group[group["method"].map(is_spiking)]
        steps, seeds = sorted(spiking["time_steps"].unique()), sorted(group["seed"].unique())
        there = set(zip(group["method"], group["time_steps"], group["seed"], strict=True))
        for method in sorted(group["method"].unique()):
            for step in steps if is_spiking(method) else [1]:
                lacking = [str(seed) for seed in seeds if (method, step, seed) not in there]
                if lacking:
                    rows.append(
                        {
                            "dataset": group["dataset"].iloc[0],
                            "method": method_title(method),
                            "T": step if is_spiking(method) else NOTHING,
                            "seeds that were not run": ", ".join(lacking),
                        }
                    )
    return pd.DataFrame(rows)
