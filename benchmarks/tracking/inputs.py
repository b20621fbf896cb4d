"""The dataset of a run as MLflow shows it: name, digest, source, and what it is used for."""

import json
from typing import TYPE_CHECKING, Any

from benchmarks.datasets.dataset import get_dataset
from benchmarks.tracking.record import Record

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

DIGEST_LENGTH = 10
"""What MLflow recommends; the whole checksum is in the profile and in the run's tags."""

CONTEXT = "mlflow.data.context"


def dataset_inputs(record: Record) -> list["DatasetInput"]:
    """Describe training and test set by `mlflow.data`; both carry the checksum that is taken over the two."""
    import numpy as np
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.types import Schema, TensorSpec

    config, environment = record.run_config(), record.environment
    images = (-1, *config.network_spec().input_shape)
    shape = (config.time_steps, *images) if get_dataset(config.dataset).events else images
    source = CodeDatasetSource({"dataset": config.dataset, "source": environment["data_source"]})
    schema = Schema([TensorSpec(np.dtype(np.float32), shape, "inputs")])
    checksum = environment["data_checksum"]
    profile = json.dumps({"sha256_of_train_and_test": checksum})
    kind: Any = MetaDataset  # to a type checker it is abstract
    inputs = []
    for context in ("train", "test"):
        name = f"{config.dataset}-{context}"
        described = kind(source, name=name, digest=checksum[:DIGEST_LENGTH], schema=schema).to_dict()
        known = {key: described[key] for key in ("name", "digest", "source_type", "source", "schema")}
        inputs.append(DatasetInput(Dataset(**known, profile=profile), [InputTag(CONTEXT, context)]))
    return inputs
