"""Configuration models, validated strictly, with errors that fit in a line."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.errors import ConfigError

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], values: Mapping[str, Any]) -> M:
    """Build any configuration model, with errors that fit in a line."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError("; ".join(_one_line(details, model) for details in error.errors())) from error


def _one_line(details: Any, model: type[BaseModel]) -> str:
    parts = [str(part) for part in details["loc"]]
    if parts[0] in ("parameters", "dataset_parameters"):
        # Parameters of a method or dataset are validated one level down.
        parts = [parts[0], *(part for part in parts[1:2] if part != "parameters"), *parts[2:]]
    key = ".".join(parts)
    match details["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = f"; expected one of {', '.join(model.model_fields)}" if "." not in key else ""
            return f"unknown key {key!r}{known}"
        case "missing":
            return f"{key!r} is missing"
        case "value_error":
            return f"{key}: {details['ctx']['error']}"
        case _:
            return f"{key} is {details['input']!r}: {details['msg'].lower()}"
