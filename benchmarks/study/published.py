"""The configurations of the authors' code by date, as runs: read from published_configurations.toml."""

import datetime
import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from benchmarks.config.nested import read_toml
from benchmarks.config.validation import STRICT, validate
from benchmarks.errors import ConfigError

LOSSES = {"kernel": "van_rossum", "count": "spike_count"}
"""Names of the authors' losses here."""


class Setting(BaseModel):
    """A value that a version has for all networks, and the files and lines that say so."""

    model_config = STRICT
    value: str | int | float
    at: list[str]


class Version(BaseModel):
    """A state of the authors' code.

    Attributes
    ----------
    date : datetime.date
        Of the commit.
    about : str
        What it is known as.
    commit : str
        Whole hash.
    method : str
        The preset of TSSL-BP that has its gradient and target.
    settings : dict of Setting
        Of all networks; ``early_stopping`` is the patience in epochs, 0 for none.
    """

    model_config = STRICT
    date: datetime.date
    about: str
    commit: str
    method: str
    settings: dict[str, Setting]

    @property
    def month(self) -> str:
        """Month of the commit, as ``September 2020``."""
        return f"{self.date:%B %Y}"

    @property
    def short(self) -> str:
        """The commit as people write it."""
        return self.commit[:7]


class NetworkFile(BaseModel):
    """What the file of a network says, in the authors' words."""

    model_config = STRICT
    epochs: int
    batch_size: int
    time_steps: int
    learning_rate: float
    loss: Literal["kernel", "count"]
    desired_count: float
    undesired_count: float
    tau_m: float
    tau_s: float


class PublishedNetwork(BaseModel):
    """A network, and its settings in each version.

    Attributes
    ----------
    dataset, architecture : str
        As in `benchmarks.config.run.RunConfig`.
    file, layers : str
        Of the authors' repository, and its lines with the layers.
    versions : dict of NetworkFile
        By version.
    """

    model_config = STRICT
    dataset: str
    architecture: str
    file: str
    layers: str
    versions: dict[str, NetworkFile]


class Published(BaseModel):
    """All of the file; `lines` says where in a network's file a value stands."""

    model_config = STRICT
    repository: str
    lines: dict[str, int]
    versions: dict[str, Version]
    networks: dict[str, PublishedNetwork]


@functools.cache
def published() -> Published:
    """Read the file."""
    return validate(
        Published, read_toml(Path(str(resources.files("benchmarks.study") / "published_configurations.toml")))
    )


def published_runs(only: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the dated configurations as nested tables of `RunConfig`, each with its ``labels``: network and version.

    Parameters
    ----------
    only : mapping
        ``network`` and ``version`` of those that are wanted; what is not given may be any.

    Raises
    ------
    ConfigError
        If there is none.
    """
    everything = published()
    runs = [
        {**_run(everything.versions[version], network, values), "labels": {"network": name, "version": version}}
        for name, network in everything.networks.items()
        for version, values in network.versions.items()
    ]
    wanted = [run for run in runs if only.items() <= run["labels"].items()]
    if not wanted:
        known = f"networks {', '.join(everything.networks)} and versions {', '.join(everything.versions)}"
        raise ConfigError(f"no published configuration has all of {dict(only)}; there are {known}")
    return wanted


def _run(version: Version, network: PublishedNetwork, values: NetworkFile) -> dict[str, Any]:
    """The version's gradient and target are those of its preset, to which a test holds the file."""
    settings = {name: setting.value for name, setting in version.settings.items()}
    # Without the count loss the counts are of no use: at their default, runs compare with those of other studies.
    counts = {"desired_count": values.desired_count, "undesired_count": values.undesired_count}
    return {
        "dataset": network.dataset,
        "architecture": network.architecture,
        "method": version.method,
        "time_steps": values.time_steps,
        "epochs": values.epochs,
        "batch_size": values.batch_size,
        "initial_weights": settings["initial_weights"],
        "optimizer": {
            "learning_rate": values.learning_rate,
            "weight_decay": settings["weight_decay"],
            "grad_clip": settings["grad_clip"],
        },
        "parameters": {
            "lif": {"tau_m": values.tau_m, "tau_s": values.tau_s},
            "loss": LOSSES[values.loss],
            "weight_limit": settings["weight_limit"],
            **(counts if values.loss == "count" else {}),
        },
    }
