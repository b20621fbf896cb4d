"""What a run is: validated, frozen, read from TOML, hashed to a key. Where and how it runs is `Execution`."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, create_model, field_validator

from baselines.method import Method, NetworkSpec, available_methods, get_method
from benchmarks.config.nested import merge
from benchmarks.config.validation import STRICT, refuse_unknown, validate
from benchmarks.datasets.dataset import Dataset, get_dataset
from benchmarks.platform.precision import Precision
from tssl_core.architecture import parse_architecture
from tssl_core.layers import InitialWeights

RUN_KEY_LENGTH = 16

LATER_SETTINGS = ("initial_weights", "precision", "schedule", "batch_norm")
"""Settings of `RunConfig` that came after the first results: at their default they are no part of the keys of a run, so
that results of before keep theirs."""


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


class RunConfig(BaseModel):
    """One training run; equal configurations give equal results on the same machine and backend.

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
    seed: int = Field(default=0, ge=0)
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

    @field_validator("dataset")
    @classmethod
    def _dataset_exists(cls, name: str) -> str:
        return get_dataset(name).name

    @field_validator("method")
    @classmethod
    def _method_exists(cls, name: str) -> str:
        get_method(name)
        return name

    @field_validator("architecture", mode="before")
    @classmethod
    def _single_layer(cls, value: object) -> object:
        """A network of one fully connected layer looks like a number in TOML."""
        return str(value) if type(value) is int else value

    @field_validator("architecture")
    @classmethod
    def _architecture_fits(cls, text: str, info: ValidationInfo) -> str:
        architecture = parse_architecture(text)
        if "dataset" in info.data:
            architecture.output_shapes(get_dataset(info.data["dataset"]).input_shape)
        return str(architecture)

    @field_validator("time_steps")
    @classmethod
    def _time_steps_of_method(cls, time_steps: int, info: ValidationInfo) -> int:
        spiking = "method" not in info.data or get_method(info.data["method"]).spiking
        # Target spike trains are as long as they are, whoever is to learn them.
        sequences = "dataset" in info.data and get_dataset(info.data["dataset"]).task == "sequences"
        return time_steps if spiking or sequences else 1

    @field_validator("parameters")
    @classmethod
    def _parameters_of_method(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        return parameters_of(info.data["method"], given) if "method" in info.data else given

    @field_validator("dataset_parameters")
    @classmethod
    def _parameters_of_dataset(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "dataset" not in info.data:
            return given
        return dataclasses.asdict(_validated(get_dataset(info.data["dataset"]), given))

    @field_validator("evaluate_on")
    @classmethod
    def _something_held_out(cls, part: str, info: ValidationInfo) -> str:
        if part == "held_out" and not info.data.get("held_out", 1):
            raise ValueError("nothing is held out; set held_out to a number of training samples")
        return part

    @property
    def run_key(self) -> str:
        """Hash of the whole configuration: what a finished run is recognised by."""
        return _hash(self._identity())

    @property
    def cell_key(self) -> str:
        """Hash of all of the configuration but its seed: what the runs of one cell of a study have in common."""
        return _hash(self._identity("seed"))

    def _identity(self, *without: str) -> dict[str, Any]:
        """All values but those of some settings, and those that came later and are as they were before."""
        at_default = {name for name, default in later_defaults().items() if getattr(self, name) == default}
        before = parameters_before(self.method).items()
        as_before = {name for name, value in before if self.parameters.get(name) == value}
        left_out: dict[str, Any] = dict.fromkeys([*without, *at_default], True)
        return self.model_dump(mode="json", exclude={**left_out, "parameters": as_before})

    @property
    def title(self) -> str:
        """Short name for progress and run lists."""
        steps = f" T={self.time_steps}" if get_method(self.method).spiking else ""
        return f"{self.method}{steps} seed={self.seed} {self.dataset} {self.architecture}"

    def network_spec(self) -> NetworkSpec:
        """Return what the method is asked to solve."""
        dataset = get_dataset(self.dataset)
        input_shape, outputs = dataset.sizes(self.parameters_of_dataset())
        return NetworkSpec(
            architecture=parse_architecture(self.architecture),
            input_shape=input_shape,
            classes=outputs,
            time_steps=self.time_steps,
            events=dataset.events,
            sequences=dataset.task == "sequences",
            initial_weights=self.initial_weights,
            batch_norm=self.batch_norm,
        )

    def method_parameters(self) -> Any:
        """Return the parameters as the method's own frozen dataclass."""
        return _validated(get_method(self.method), self.parameters)

    def parameters_of_dataset(self) -> Any:
        """Return the dataset's parameters as its own frozen dataclass."""
        dataset = get_dataset(self.dataset)
        return dataset.for_run(_validated(dataset, self.dataset_parameters), self.seed)


@functools.cache
def later_defaults() -> Mapping[str, Any]:
    """Values that runs of before `LATER_SETTINGS` had in effect."""
    fields = RunConfig.model_fields
    return {name: fields[name].default for name in LATER_SETTINGS if name in fields}


def parameters_before(name: str) -> Mapping[str, Any]:
    """Parameters of a method that came later, with the values that runs of before had in effect; see `Method`."""
    method = available_methods().get(name.partition(":")[0])
    return {} if method is None else method.before


def parameters_of(name: str, given: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """All parameters of a method: what is given, over its preset, over its defaults.

    Parameters
    ----------
    name : str
        Of the method, perhaps with a preset, ``name:preset``.
    given : mapping
        Nested tables.

    Raises
    ------
    ParameterError
        If there is no such method or preset.
    ConfigError, pydantic.ValidationError
        If a parameter is unknown, or its value is none for it.
    """
    method = get_method(name)
    preset = method.presets.get(name.partition(":")[2], {})
    return dataclasses.asdict(_validated(method, merge(preset, given)))


def _hash(values: Mapping[str, Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:RUN_KEY_LENGTH]


def _validated(owner: Method | Dataset, given: Mapping[str, Any]) -> Any:
    """Let pydantic build a method's or dataset's dataclass, nested ones included, strictly and without unknown keys."""
    refuse_unknown(owner.Parameters, given)
    holder = _holder_of(owner.name, owner.Parameters)
    # By way of JSON, as strict validation of Python objects would ask for a finished dataclass.
    return dict(holder.model_validate_json(json.dumps({"parameters": dict(given)})))["parameters"]


@functools.cache
def _holder_of(name: str, parameters: type) -> type[BaseModel]:
    """Model of parameters alone; to make one takes longer than all the rest of a validation."""
    return create_model(f"{name} parameters", __config__=STRICT, parameters=(parameters, ...))


def validate_run(values: Mapping[str, Any]) -> RunConfig:
    """Build a run configuration.

    Raises
    ------
    ConfigError
        In one line: each key that is unknown, missing or wrong, what it was and what was expected.
    """
    return validate(RunConfig, values)


def kept_run(values: Mapping[str, Any]) -> RunConfig:
    """Build the configuration that a record or results.csv keeps, with the key that the run had.

    T is as it was kept: a T that nobody asked for is not 1 in the keys of methods without spikes. Parameters that came
    later have the values of before, see `baselines.method.Method`.

    Raises
    ------
    ConfigError
        See `validate_run`.
    """
    before = {"parameters": parameters_before(str(values.get("method")))}
    config = validate_run(merge(before, values))
    return config.model_copy(update={"time_steps": values.get("time_steps", config.time_steps)})
