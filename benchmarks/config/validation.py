"""Configuration models, validated strictly, with errors that fit in a line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.errors import ConfigError

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], values: Mapping[str, Any]) -> M:
    """Build any configuration model, with errors that fit in a line."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise _refusal(error.errors(), model) from error


def refuse_wrong(model: type[BaseModel], values: Mapping[str, Any]) -> None:
    """Refuse keys and values that a model does not take; what is missing may still come.

    Raises
    ------
    ConfigError
        In one line.
    """
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        if wrong := [details for details in error.errors() if details["type"] != "missing"]:
            raise _refusal(wrong, model) from error


def refuse_unknown(kind: type, given: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse keys that a dataclass, or one in it, does not have.

    Raises
    ------
    ConfigError
        Names the key and those that there are.
    """
    known = get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            expected = f"expected one of {', '.join(known)}" if known else "there is nothing to set"
            raise ConfigError(f"unknown key {prefix + key!r}; {expected}")
        if isinstance(value, Mapping) and is_dataclass(known[key]):
            refuse_unknown(known[key], value, f"{prefix}{key}.")


def _refusal(errors: Iterable[Any], model: type[BaseModel]) -> ConfigError:
    """What pydantic found, as an error of one line."""
    return ConfigError("; ".join(_one_line(details, model) for details in errors))


def _one_line(details: Any, model: type[BaseModel]) -> str:
    parts = [str(part) for part in details["loc"]]
    if parts[0] in ("parameters", "dataset_parameters"):
        # Parameters of a method or dataset are validated one level down.
        parts = [parts[0], *(part for part in parts[1:2] if part != "parameters"), *parts[2:]]
    key = ".".join(parts)
    match details["type"]:
        case "extra_forbidden":
            return f"unknown key {key!r}; expected one of {', '.join(_table(model, parts[:-1]).model_fields)}"
        case "missing":
            return f"{key!r} is missing"
        case "value_error":
            return f"{key}: {details['ctx']['error']}"
        case _:
            message = details["msg"]
            return f"{key} is {details['input']!r}: {message[:1].lower()}{message[1:]}"


def _table(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel]:
    """Model of the table at `path`."""
    for part in path:
        field = model.model_fields.get(part)
        if field is None:  # an index or a key of the table before
            continue
        kinds = (field.annotation, *get_args(field.annotation))
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return model
