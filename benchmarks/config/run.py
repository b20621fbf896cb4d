"""What a run is: validated, frozen, read from TOML, hashed to a key. Where and how it runs is `Execution`."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationInfo, create_model, field_validator

from baselines.method import Method, NetworkSpec, available_methods, get_method
from benchmarks.config.nested import merge
from benchmarks.config.settings import RunSettings
from benchmarks.config.validation import STRICT, refuse_unknown, validate
from benchmarks.datasets.dataset import Dataset, get_dataset
from tssl_core.architecture import parse_architecture

RUN_KEY_LENGTH = 16

LATER_SETTINGS = ("initial_weights", "precision", "schedule", "batch_norm")
"""Settings of `RunConfig` that came after the first results: at their default they are no part of the keys of a run, so
that results of before keep theirs."""


class RunConfig(RunSettings):
    """One training run; equal configurations give equal results on the same machine and backend.

    Parameters of method and dataset are filled up with presets and defaults, and T is 1 for methods without spikes.
    """

    @field_validator("dataset")
    @classmethod
    def _dataset_exists(cls, name: str) -> str:
        return get_dataset(name).name

    @field_validator("method")
    @classmethod
    def _method_exists(cls, name: str) -> str:
        get_method(name)
        return name

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
