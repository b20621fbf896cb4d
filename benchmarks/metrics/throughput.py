"""Samples a second, in training and in evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Samples a second of wall time, data loading included.

    Parameters
    ----------
    train_samples_per_second, test_samples_per_second : float
        Of the epoch with the median time, so that neither a slow first epoch nor an interruption counts.
    """

    train_samples_per_second: float
    test_samples_per_second: float


def throughput(
    *, train_samples: int, train_seconds: Sequence[float], test_samples: int, test_seconds: Sequence[float]
) -> Throughput:
    """Throughput from the samples of an epoch and the seconds of every epoch.

    Parameters
    ----------
    train_samples, test_samples : int
        Trained on in an epoch, and evaluated after it.
    train_seconds, test_seconds : sequence of float
        An entry an epoch, at least one.
    """
    return Throughput(
        train_samples_per_second=train_samples / median(train_seconds),
        test_samples_per_second=test_samples / median(test_seconds),
    )
