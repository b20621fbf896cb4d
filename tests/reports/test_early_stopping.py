"""The epoch after which the authors' code of 2020 would have stopped."""

import pytest

from reports.early_stopping import stopping_epoch


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([], None),
        ([0.5], None),
        ([0.5, 0.6, 0.7, 0.8], None),
        ([0.5, 0.4], None),
        ([0.5, 0.4, 0.4], None),
        ([0.5, 0.4, 0.3, 0.49], 4),
        ([0.5, 0.4, 0.3, 0.49, 0.9], 4),
        ([0.5, 0.4, 0.3, 0.5, 0.4, 0.4, 0.4], 7),  # as good as the best starts anew
        ([0.5, 0.4, 0.3, 0.6, 0.5, 0.5], None),
        ([0.0, 0.0, 0.0, 0.0], None),
    ],
)
def test_three_epochs_in_a_row_below_the_best_end_a_training(accuracies: list[float], expected: int | None) -> None:
    assert stopping_epoch(accuracies, 3) == expected


def test_the_authors_patience_of_50_ends_a_training_50_epochs_after_its_best() -> None:
    curve = [0.9, 0.91, *[0.905] * 60]
    assert stopping_epoch(curve, 50) == 52
    assert stopping_epoch(curve[:51], 50) is None
