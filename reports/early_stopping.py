"""After which epoch the authors' code of 2020 would have stopped."""

from collections.abc import Sequence


def stopping_epoch(test_accuracies: Sequence[float], patience: int) -> int | None:
    """Epoch after which a training with early stopping would have ended, the first being 1; None if it would not.

    As in the authors' ``utils.EarlyStopping`` (6e40449): an epoch that is worse than the best one so far counts, one
    that is as good or better starts the count anew, and `patience` counts in a row end the training.

    Parameters
    ----------
    test_accuracies : sequence of float
        After each epoch.
    patience : int
        At least 1; 50 in the authors' code.
    """
    best, waited = float("-inf"), 0
    for epoch, accuracy in enumerate(test_accuracies, start=1):
        if accuracy < best:
            waited += 1
        else:
            best, waited = accuracy, 0
        if waited >= patience:
            return epoch
    return None
