"""Networks of the paper with trained weights; ``weights/networks.toml`` has what each is and how it came to be."""

import hashlib
import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from tssl_core.architecture import InputShape, parse_architecture
from tssl_core.errors import ParameterError, PretrainedError
from tssl_core.network import SpikingNetwork
from tssl_core.params import LIFParams, TSSLParams

FOLDER = Path(__file__).with_name("weights")
REGISTRY_FILE = "networks.toml"


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A network with trained weights, as ``weights/networks.toml`` records it.

    Parameters
    ----------
    architecture : str
        Hidden layers, see `parse_architecture`.
    input_shape : (int, int, int)
        Channels, height, width.
    classes : int
        Output neurons.
    time_steps : int
        T that it was trained with.
    lif : LIFParams
        Neuron parameters.
    mean, std : tuple of float
        Of each channel, pixels being between 0 and 1; inputs are ``(image - mean) / std``.
    sha256 : str
        Of the file with the weights, ``<name>.pt``.
    accuracy : float
        On the whole test set, a fraction, with the weights as they are in the file: rounded to 16 bits.
    accuracy_last : float
        The same with the weights as they were trained, after the last epoch.
    dataset, method, epochs, seed, run_key, commit, command
        The run that they are from, and what makes it again.
    """

    architecture: str
    input_shape: InputShape
    classes: int
    time_steps: int
    lif: LIFParams
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    accuracy: float
    accuracy_last: float
    dataset: str
    method: str
    epochs: int
    seed: int
    run_key: str
    commit: str
    command: str

    def normalised(self, images: Tensor) -> Tensor:
        """Inputs of the network, float32, from images ``[B, C, H, W]`` of bytes, or of floats between 0 and 1."""
        pixels = images.float() / 255 if images.dtype == torch.uint8 else images
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (pixels - mean) / std


@cache
def pretrained_networks() -> Mapping[str, Pretrained]:
    """What there is, by name."""
    with (FOLDER / REGISTRY_FILE).open("rb") as file:
        entries = tomllib.load(file)
    return MappingProxyType({name: _read(entry) for name, entry in entries.items()})


def _read(entry: dict[str, object]) -> Pretrained:
    """Make an entry of the file typed: TOML has lists and tables where the record has tuples and parameters."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    return Pretrained(**{**values, "lif": LIFParams(**entry["lif"])})  # type: ignore[arg-type]


def load_pretrained(name: str, *, tssl: TSSLParams | None = None, backend: str = "auto") -> SpikingNetwork:
    """Return a trained network, on the CPU and in evaluation mode.

    Parameters
    ----------
    name : str
        One of `pretrained_networks`, which says for each the number of time steps and how inputs are normalised.
    tssl : TSSLParams, optional
        Variant of the gradient, should it be trained further; its output does not depend on it.
    backend : str
        See `spiking_psc`.

    Returns
    -------
    SpikingNetwork
        Weights are float32. ``network(record.normalised(images), record.time_steps).sum(0)`` are scores of the classes,
        ``[B, classes]``.

    Raises
    ------
    ParameterError
        If there is no such network; the message lists those that there are.
    PretrainedError
        If its weights are missing or damaged.
    """
    known = pretrained_networks()
    if name not in known:
        raise ParameterError(f"unknown pretrained network {name!r}; expected one of {', '.join(known)}")
    record = known[name]
    network = SpikingNetwork(
        parse_architecture(record.architecture),
        record.input_shape,
        record.classes,
        lif=record.lif,
        tssl=tssl,
        backend=backend,
    )
    network.load_state_dict(torch.load(io.BytesIO(_weights(name, record.sha256)), weights_only=True))
    return network.eval()


def _weights(name: str, sha256: str) -> bytes:
    """Content of a file with weights, if it is the one that the record is about."""
    path = FOLDER / f"{name}.pt"
    again = "install the package again, or restore the file from its repository"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PretrainedError(f"cannot read the weights of {name!r}: {error}; {again}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise PretrainedError(
            f"{path} is damaged or another file: its SHA-256 is {found}; expected {sha256}, as {REGISTRY_FILE} says; "
            f"{again}"
        )
    return content
