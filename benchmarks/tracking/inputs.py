"""The dataset of a run as MLflow shows it: name, digest, source, and what it is used for."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.config import RunConfig
from benchmarks.datasets.dataset import get_dataset
from benchmarks.environment import Environment
from benchmarks.tracking.calls import Inputs

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

DIGEST_LENGTH = 10
"""What MLflow recommends; the whole checksum is in the profile and in the run's tags."""

CONTEXT = "mlflow.data.context"


def inputs_of(config: RunConfig, environment: Environment) -> Inputs:
    """Describe training and test set by `mlflow.data`; both carry the checksum that is taken over the two."""
    import numpy as np
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.types import Schema, TensorSpec

    dataset = get_dataset(config.dataset)
    images = (-1, *config.task().input_shape)
    shape = (config.time_steps, *images) if dataset.events else images
    source = CodeDatasetSource({"dataset": config.dataset, "source": environment.data_source})
    schema = Schema([TensorSpec(np.dtype(np.float32), shape, "inputs")])
    digest = environment.data_checksum[:DIGEST_LENGTH]
    kind: Any = MetaDataset  # to a type checker it is abstract
    parts = []
    profile = json.dumps({"sha256_of_train_and_test": environment.data_checksum})
    for context in ("train", "test"):
        described = kind(source, name=f"{config.dataset}-{context}", digest=digest, schema=schema).to_dict()
        parts.append({**described, "profile": profile, "context": context})
    return Inputs(tuple(parts))


def dataset_inputs(datasets: Iterable[Mapping[str, str]]) -> list["DatasetInput"]:
    """Turn what `inputs_of` gave into what MLflow's client takes."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    return [
        DatasetInput(Dataset(**{name: part[name] for name in fields}), [InputTag(CONTEXT, part["context"])])
        for part in datasets
    ]
