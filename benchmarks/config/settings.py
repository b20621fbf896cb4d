"""The settings of a run: their names, types and defaults. What of them methods and datasets decide, `RunConfig` adds.

No torch here: the command line looks for mistakes in what was typed before it imports anything slow.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from benchmarks.config.validation import STRICT
from benchmarks.defaults import Precision
from tssl_core.architecture import InitialWeights

MOST_SEED = 2**63 - 1
"""What torch and tables hold."""


class OptimizerConfig(BaseModel):
    """AdamW; in the authors' code with a constant learning rate.

    Attributes
    ----------
    learning_rate : float
        Constant over the run, or the highest, see ``schedule`` of `RunConfig`.
    weight_decay : float
        Decoupled; 0.01 is PyTorch's default, which the authors' code leaves alone.
    grad_clip : float
        Global norm to which the gradient of the summed loss is clipped; 0 turns clipping off.
    """

    model_config = STRICT
    learning_rate: float = Field(default=5e-4, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    grad_clip: float = Field(default=1.0, ge=0, allow_inf_nan=False)


class RunSettings(BaseModel):
    """What can be set of one training run.

    Attributes
    ----------
    dataset, method : str
        Names; the method may carry a preset, ``name:preset``.
    architecture : str
        Hidden layers, see `tssl_core.architecture`.
    time_steps : int
        T; 1 for methods without spikes, whatever was asked, unless the targets are spike trains.
    seed : int
        Of all random streams, see `benchmarks.training.seeding`.
    epochs, batch_size : int
        Length of the training and samples a step.
    optimizer : OptimizerConfig
        See there.
    parameters : dict
        Of the method; filled up with its preset and defaults, so that the whole of it is logged.
    train_samples, test_samples : int, optional
        Use only the first samples of either part.
    dataset_parameters : dict
        Of the dataset; filled up with its defaults.
    held_out : int
        So many training samples, drawn by the seed, are not trained on. The epoch with the highest accuracy on them
        is one that is chosen without the test set.
    evaluate_on : {"test", "held_out"}
        What takes the place of the test set. A search of parameters is to look at nothing but held-out samples.
    initial_weights : {"pytorch_default", "kaiming_normal"}
        How convolutions are initialised, for every method: PyTorch's default, as in the authors' code since 2 October
        2020, or Kaiming's normal, as before. Times the layer's weight scale. See `tssl_core.layers.synapse`.
    protocol : str
        Rules that the numbers were made by, such as ``paper`` or ``quick``; only equal protocols compare.
    precision : {"float32", "tf32", "bfloat16", "float16"}
        Type of convolutions and matrix products on a GPU, see `benchmarks.platform.precision`; all else is in float32.
    schedule : {"constant", "cosine"}
        Of the learning rate over the epochs, see `benchmarks.training.schedule`.
    batch_norm : bool
        Whether the currents of hidden layers are normalised, see `tssl_core.normalisation`.
    """

    model_config = STRICT
    dataset: str
    method: str
    architecture: str
    time_steps: int = Field(default=5, ge=1)
    seed: int = Field(default=0, ge=0, le=MOST_SEED)
    epochs: int = Field(ge=1)
    batch_size: int = Field(default=50, ge=1)
    optimizer: OptimizerConfig = OptimizerConfig()
    parameters: dict[str, Any] = Field(default={}, validate_default=True)
    train_samples: int | None = Field(default=None, ge=1)
    test_samples: int | None = Field(default=None, ge=1)
    dataset_parameters: dict[str, Any] = Field(default={}, validate_default=True)
    held_out: int = Field(default=0, ge=0)
    evaluate_on: Literal["test", "held_out"] = Field(default="test", validate_default=True)
    initial_weights: InitialWeights = "pytorch_default"
    protocol: str = "custom"
    precision: Precision = "tf32"
    schedule: Literal["constant", "cosine"] = "constant"
    batch_norm: bool = False

    @field_validator("architecture", mode="before")
    @classmethod
    def _single_layer(cls, value: object) -> object:
        """A network of one fully connected layer looks like a number in TOML."""
        return str(value) if type(value) is int else value
