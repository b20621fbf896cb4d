"""A kept model without MLflow, which takes seconds to import."""

from pathlib import Path

import torch

from baselines.method import Model, get_method
from benchmarks.config.run import RunConfig
from benchmarks.tracking.models import CONFIG_FILE, WEIGHTS_FILE
from tests.benchmarks.tracked import config_of


def keep_model(folder: Path, method: str) -> tuple[RunConfig, Model]:
    """Write the configuration and weights of a small untrained model, as `save_model` does, and return both."""
    config = config_of(method=method, architecture="8C3-P2-30")
    model = get_method(method).build(config.network_spec(), config.method_parameters())
    folder.mkdir(parents=True)
    (folder / CONFIG_FILE).write_text(config.model_dump_json(), encoding="utf-8")
    torch.save(model.state_dict(), folder / WEIGHTS_FILE)
    return config, model
