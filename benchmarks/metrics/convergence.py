"""How soon a run reaches a test accuracy."""

from collections.abc import Sequence
from itertools import accumulate

TARGETS = {"90": 0.90, "95": 0.95, "97_5": 0.975, "98": 0.98, "99": 0.99}
"""Test accuracies, by what stands for them in a name."""

CONVERGENCE_COLUMNS = tuple(f"{what}_to_{target}" for what in ("epochs", "seconds") for target in TARGETS)
"""Names that `convergence` may give."""


def convergence(test_accuracies: Sequence[float], train_seconds: Sequence[float]) -> dict[str, float]:
    """Epochs and seconds of training until the test accuracy is first that of a target or more.

    Parameters
    ----------
    test_accuracies : sequence of float
        After each epoch.
    train_seconds : sequence of float
        Of the training in each epoch, evaluation left out.

    Returns
    -------
    dict
        ``epochs_to_90``, ``seconds_to_90`` and so on; targets that were not reached are not in it.
    """
    elapsed = list(accumulate(train_seconds))
    reached: dict[str, float] = {}
    for name, target in TARGETS.items():
        for epoch, accuracy in enumerate(test_accuracies, start=1):
            if accuracy >= target:
                reached |= {f"epochs_to_{name}": float(epoch), f"seconds_to_{name}": elapsed[epoch - 1]}
                break
    return reached
