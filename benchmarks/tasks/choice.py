"""Which type of task a run is of."""

from dataclasses import fields

from benchmarks.config.run import RunConfig
from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.samples.sequences import SequenceRule
from benchmarks.datasets.samples.split import Data
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.sequences import Sequences
from benchmarks.tasks.task_type import TaskType


def task_type_of(config: RunConfig, data: Data) -> TaskType:
    """Return the type of task that a run is of, ready for use.

    Parameters
    ----------
    config : RunConfig
        Of the run; its dataset names the type.
    data : Data
        Cut to what the run asks for, and on its device.
    """
    if get_dataset(config.dataset).task == "classification":
        return Classification(config.network_spec().classes)
    parameters = config.parameters_of_dataset()
    return Sequences(
        SequenceRule(**{field.name: getattr(parameters, field.name) for field in fields(SequenceRule)}),
        epochs=config.epochs,
        classes=data.target_of_class,
    )
