"""What ``mlflow.pyfunc.load_model`` calls to load a model that `benchmarks.tracking.models` has saved."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.method import Model
from benchmarks.tracking.models import load_model


class ClassScores:
    """A trained network that gives evidence for each class.

    Parameters
    ----------
    model : Model
        In evaluation mode, on the CPU.
    """

    def __init__(self, model: Model) -> None:
        self.model_ = model

    @torch.no_grad()
    def predict(self, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Return scores ``[B, classes]`` of images ``[B, C, H, W]`` or spike trains ``[T, B, C, H, W]``, float32.

        Images are normalised as the dataset does it. The decision is the argmax.
        """
        del params
        inputs = torch.from_numpy(np.ascontiguousarray(model_input, dtype=np.float32))
        scores: np.ndarray = self.model_.scores(self.model_(inputs)).numpy()
        return scores


def _load_pyfunc(data_path: str) -> ClassScores:
    """Build the network from its configuration and load its weights; nothing is unpickled."""
    return ClassScores(load_model(Path(data_path))[1])
