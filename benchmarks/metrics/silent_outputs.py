"""How many samples the output says nothing about."""

from collections.abc import Mapping

from baselines.method import Model
from benchmarks.metrics.counting.silent_outputs import SILENT_OUTPUT_FRACTION
from benchmarks.metrics.metric import Column, FinishedTraining, Metric
from benchmarks.results import Evaluation


class SilentOutput(Metric):
    """Of tasks with classes; after each epoch and in the end."""

    name = "silent_outputs"
    columns = (
        Column(
            name=SILENT_OUTPUT_FRACTION,
            unit="fraction",
            about="test samples for which every class has the same score after T, as when no output neuron spikes; "
            "such a network decides on the first class. Also after each epoch, `test_silent_output_fraction`",
        ),
    )

    def measure_epoch(self, model: Model, evaluation: Evaluation) -> Mapping[str, float]:
        """Of the test set."""
        del model
        return _found(evaluation)

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Of the final model."""
        return _found(run.evaluation)


def _found(evaluation: Evaluation) -> dict[str, float]:
    return {name: value for name, value in evaluation.measures.items() if name == SILENT_OUTPUT_FRACTION}
