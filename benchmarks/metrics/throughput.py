"""How long training takes, and samples a second in training and in evaluation."""

from collections.abc import Mapping
from statistics import median

from benchmarks.metrics.metric import Column, FinishedTraining, Metric


class Throughput(Metric):
    """Wall time, data loading included."""

    name = "throughput"
    columns = (
        Column(
            name="training_seconds",
            unit="s",
            varies=True,
            about="wall time of all epochs without evaluation",
            heading="training s",
        ),
        Column(
            name="train_samples_per_second",
            unit="samples/s",
            varies=True,
            about="samples of an epoch over the median over the epochs of the wall time of its training, so that "
            "neither a slow first epoch nor an interruption counts; data loading counts",
            heading="samples/s",
        ),
        Column(
            name="test_samples_per_second",
            unit="samples/s",
            varies=True,
            about="the same of the evaluation after each epoch, held-out samples and calibration included",
        ),
    )

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Of all epochs."""
        data = run.data
        train_seconds = [epoch.train_seconds for epoch in run.history]
        test_seconds = [epoch.test_seconds for epoch in run.history]
        return {
            "training_seconds": sum(train_seconds),
            "train_samples_per_second": data.passes * len(data.train) / median(train_seconds),
            "test_samples_per_second": (len(data.test) + len(data.held_out or ())) / median(test_seconds),
        }
