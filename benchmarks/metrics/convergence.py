"""How soon a run reaches a test accuracy."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from benchmarks.metrics.metric import Column, FinishedTraining, Metric

TARGETS = {"90": 0.90, "95": 0.95, "97_5": 0.975, "98": 0.98, "99": 0.99}
"""Test accuracies, by what stands for them in a name."""


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


class Convergence(Metric):
    """To test accuracies of 90 to 99 %."""

    name = "convergence"
    columns = (
        *(
            Column(
                name=f"epochs_to_{name}",
                about=f"first epoch with a test accuracy of at least {100 * target:g} %; missing if there is none. "
                "It looks at the test set, as `accuracy_best` does",
            )
            for name, target in TARGETS.items()
        ),
        *(
            Column(
                name=f"seconds_to_{name}",
                unit="s",
                varies=True,
                about="wall time of the training of all epochs up to and with that one, without evaluation",
            )
            for name in TARGETS
        ),
    )

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Only targets that were reached."""
        accuracies = [epoch.test_accuracy for epoch in run.history if epoch.test_accuracy is not None]
        return convergence(accuracies, [epoch.train_seconds for epoch in run.history])
