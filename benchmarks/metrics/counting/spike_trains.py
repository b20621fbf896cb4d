"""How far spike trains are from each other: distances, matched spikes, counts.

Trains are given in time steps, ``[T, N]``: N pairs of trains side by side, all at once. docs/protocol.md defines each
measure; tests hold the two distances to those of elephant, a library for the analysis of spike trains.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.datasets.samples.sequences import SequenceRule, Trains


def van_rossum_embedding(time_steps: int, tau: float) -> Tensor:
    """Matrix ``[T, T]`` that makes van Rossum's distance Euclidean: ``D(x, y) = |E (x - y)|``.

    ``D^2 = sum_tu d[t] q^|t-u| d[u]`` with ``d = x - y`` and ``q = 1 - 1/tau``: the PSCs of both trains compared for
    all time, also after the window, and scaled such that a lone spike is 1 away from no spike.

    Parameters
    ----------
    time_steps : int
        T.
    tau : float
        Time constant of the PSC kernel in time steps, above 1.

    Returns
    -------
    Tensor
        float64.
    """
    steps = torch.arange(time_steps, dtype=torch.float64)
    overlap = (1 - 1 / tau) ** (steps[:, None] - steps).abs()
    embedding: Tensor = torch.linalg.cholesky(overlap).T
    return embedding


def van_rossum_distances(first: Tensor, second: Tensor, *, tau: float) -> Tensor:
    """Distance of each pair of trains ``[T, ...]``: ``[...]``, float64; see `van_rossum_embedding`."""
    difference = first.double() - second.double()
    embedded = van_rossum_embedding(len(first), tau).to(difference.device) @ difference.flatten(1)
    return embedded.square().sum(0).sqrt().reshape(difference.shape[1:])


def spike_times(trains: Trains) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times of the spikes of each train.

    Returns
    -------
    times : array
        ``[n, N]`` with n spikes in the train that has most; what is beyond a train's own spikes means nothing.
    counts : array
        Spikes of each train, ``[N]``.
    """
    counts = trains.sum(0)
    most = int(counts.max(initial=0))
    return np.argsort(~trains, axis=0, kind="stable")[:most], counts


def victor_purpura_distances(first: Trains, second: Trains, *, cost: float) -> NDArray[np.float64]:
    """Least cost of turning one train into the other, for each pair (Victor & Purpura 1996).

    A spike that is added or removed costs 1, one that is moved `cost` a time step.

    Parameters
    ----------
    first, second : array
        ``[T, N]``.
    cost : float
        Per time step; from 2 / cost steps on, moving is no cheaper than removing and adding.

    Returns
    -------
    array
        ``[N]``.
    """
    (times, counts), (others, other_counts) = spike_times(first), spike_times(second)
    number = np.arange(len(others) + 1, dtype=np.float64)[:, None]
    # Row i, entry j: the first i spikes of one train against the first j of the other.
    rows = [np.repeat(number, first.shape[1], axis=1)]
    for time in times:
        before = rows[-1]
        moved = before[:-1] + cost * np.abs(others - time)
        cheapest = np.concatenate([before[:1] + 1, np.minimum(moved, before[1:] + 1)])
        # Spikes of the other train that are added cost 1 each: the least over all entries to the left.
        rows.append(np.minimum.accumulate(cheapest - number, axis=0) + number)
    distances: NDArray[np.float64] = np.stack(rows)[counts, other_counts, np.arange(first.shape[1])]
    return distances


def matched_spikes(first: Trains, second: Trains, *, tolerance: int) -> NDArray[np.int64]:
    """Most spikes of both trains that can be paired one to one, at most `tolerance` steps apart; ``[N]``.

    In order of time, each takes the earliest that it can have, which is optimal on a line.
    """
    (times, counts), (others, other_counts) = spike_times(first), spike_times(second)
    i, j, matched = (np.zeros(first.shape[1], dtype=np.int64) for _ in range(3))
    columns = np.arange(first.shape[1])
    while (left := (i < counts) & (j < other_counts)).any():
        here, there = np.minimum(i, len(times) - 1), np.minimum(j, len(others) - 1)
        apart = times[here, columns] - others[there, columns]
        pair = left & (np.abs(apart) <= tolerance)
        matched += pair
        i += pair | (left & (apart < -tolerance))
        j += pair | (left & (apart > tolerance))
    return matched


def sequence_measures(output: Tensor, target: Tensor, rule: SequenceRule, *, all_of_them: bool) -> dict[str, float]:
    """Compare outputs with their targets.

    Parameters
    ----------
    output, target : Tensor
        bool, ``[T, B, neurons]``.
    rule : SequenceRule
        See there.
    all_of_them : bool
        Whether to measure also what takes longer: Victor-Purpura distance, precision and recall.

    Returns
    -------
    dict
        Numbers by name, see `benchmarks.metrics.spike_trains`; a precision of no spikes is missing, and a recall.
    """
    wrong = output != target
    values = {
        "exact_match": 1 - float(wrong.any(0).any(1).double().mean()),
        "exact_trains": 1 - float(wrong.any(0).double().mean()),
        "van_rossum": float(van_rossum_distances(output, target, tau=rule.tau).mean()),
        "count_error": float((output.sum(0) - target.sum(0)).abs().double().mean()),
    }
    if all_of_them:
        first, second = (trains.flatten(1).cpu().numpy() for trains in (output, target))
        values["victor_purpura"] = float(victor_purpura_distances(first, second, cost=rule.victor_purpura_cost).mean())
        matched = int(matched_spikes(first, second, tolerance=rule.tolerance).sum())
        for name, spikes in (("spike_precision", first.sum()), ("spike_recall", second.sum())):
            if spikes:
                values[name] = matched / int(spikes)
    return values


def nearest_train(output: Tensor, candidates: Tensor, *, tau: float) -> Tensor:
    """Which of several targets each output is closest to, by the van Rossum distances over all neurons together.

    Parameters
    ----------
    output, candidates : Tensor
        ``[T, B, neurons]`` and ``[T, K, neurons]``, 0 or 1.
    tau : float
        Time constant, see `van_rossum_embedding`.

    Returns
    -------
    Tensor
        ``[B]``, int64; the lowest index in a tie.
    """
    embedding = van_rossum_embedding(len(output), tau).to(output.device)

    def embedded(trains: Tensor) -> Tensor:
        return torch.einsum("ut,tbn->bun", embedding, trains.double()).flatten(1)

    # Differences and no products: the distance of equal trains is 0 exactly, and ties are ties.
    distances = (embedded(output)[:, None] - embedded(candidates)).square().sum(-1)
    return distances.argmin(-1)
