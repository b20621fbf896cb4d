"""The contract of a dataset, and how datasets are found: one file in this package, one dataset or family."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import benchmarks.datasets
from baselines.discovery import classes_in, discover_classes
from baselines.plugins import plugin_files
from benchmarks.datasets.samples.split import Data
from benchmarks.datasets.sources.source import Source, prepare
from benchmarks.defaults import DATA_ROOT_VARIABLE
from benchmarks.errors import ConfigError
from tssl_core.architecture import InputShape


@dataclass(frozen=True)
class NoParameters:
    """Nothing to set."""


class Dataset(ABC):
    """One dataset.

    Attributes
    ----------
    name : str
        What configurations call it.
    title : str
        What tables and plots call it.
    input_shape : (int, int, int)
        Channels, height, width.
    classes : int
        Number of classes.
    events : bool
        Whether samples are spike trains and not images.
    task : {"classification", "sequences"}
        What is wanted: the class of a sample, or a spike train of each output neuron, see `benchmarks.tasks`.
    Parameters : type
        Frozen dataclass with defaults: how samples become inputs. Configurations set it as ``dataset_parameters``.
    sources : sequence of Source
        Where its files can be had, in the order in which they are tried.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    input_shape: ClassVar[InputShape]
    classes: ClassVar[int] = 10
    events: ClassVar[bool] = False
    task: ClassVar[Literal["classification", "sequences"]] = "classification"
    Parameters: ClassVar[type] = NoParameters
    sources: ClassVar[Sequence[Source]] = ()

    def sizes(self, parameters: Any) -> tuple[InputShape, int]:
        """Shape of the input and number of output neurons, for datasets whose parameters set them."""
        del parameters
        return self.input_shape, self.classes

    def for_run(self, parameters: Any, seed: int) -> Any:
        """Parameters as a run with this seed has them, for datasets that are drawn anew for each seed."""
        del seed
        return parameters

    @abstractmethod
    def missing(self, root: Path) -> list[Path]:
        """Files or folders that `load` needs and that are not there; `prepare` moves each into place as one."""

    def prepare(self, root: Path, source: str | None = None) -> str:
        """Get what is missing under `root` and return where it came from; see `benchmarks.datasets.sources.source`."""
        return prepare(self, root, source)

    def verify(self, root: Path) -> list[str]:
        """Check the whole content under `root`, also against what is published where that is known.

        Returns
        -------
        list of str
            What is wrong, a sentence for each file, which it names; empty if nothing is.
        """
        return [f"{path} is missing" for path in self.missing(root)]

    @abstractmethod
    def load(self, root: Path, *, parameters: Any = None, time_steps: int = 1) -> Data:
        """Read the dataset from under `root`, fetching it first if files are missing.

        Parameters
        ----------
        root : Path
            See `data_root`.
        parameters : optional
            An instance of `Parameters`; None is its defaults.
        time_steps : int
            T, the length of spike trains; images know no time.

        Raises
        ------
        DatasetError
            If files are corrupt, or missing and not to be had; says how to get them.
        """


def data_root(option: str | None = None) -> Path:
    """Folder that holds the datasets: `option`, else ``$TSSL_DATA_ROOT``, else a cache folder of the user's."""
    chosen = option or os.environ.get(DATA_ROOT_VARIABLE)
    return Path(chosen).expanduser() if chosen else _user_cache()


def cache_folder(root: Path) -> Path:
    """Folder for what is made of the files under `root`: there if it can be written, else in the user's cache."""
    # The mode is asked for too, as the superuser may write to what is marked as read-only.
    writable = os.access(root, os.W_OK) and root.stat().st_mode & 0o222
    return (root if writable else _user_cache()) / "made"


def md5_of(path: Path) -> str:
    """MD5 sum of a file in hexadecimal digits, by which published files are known; it tells no forgery.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tssl-bp-suite"


@cache
def _found(_: tuple[Path, ...]) -> tuple[Mapping[str, Dataset], Mapping[str, str]]:
    """Datasets by name, and files of this package that need what is not installed."""
    lacking: dict[str, str] = {}
    classes = discover_classes(benchmarks.datasets, Dataset, lacking)  # type: ignore[type-abstract]
    return MappingProxyType({name: _made(found) for name, found in classes.items()}), MappingProxyType(lacking)


@cache
def _made(kind: type[Dataset]) -> Dataset:
    return kind()


@cache
def _in_its_own_file(name: str) -> Dataset | None:
    """A dataset whose file has its name, without importing what others need, which takes seconds."""
    if not name.isidentifier() or find_spec(f"{benchmarks.datasets.__name__}.{name}") is None:
        return None
    try:
        module = import_module(f"{benchmarks.datasets.__name__}.{name}")
    except ModuleNotFoundError:
        return None  # said when all are looked through
    found = classes_in(module, Dataset).get(name)  # type: ignore[type-abstract]
    return None if found is None else _made(found)


def available_datasets() -> Mapping[str, Dataset]:
    """Every dataset here and in plug-ins by name, but for those that need a package which is not installed."""
    return _found(plugin_files())[0]


def get_dataset(name: str) -> Dataset:
    """Return the dataset called `name`.

    Raises
    ------
    ConfigError
        If there is no such dataset; the message lists those that there are.
    """
    if (dataset := _in_its_own_file(name)) is not None:
        return dataset
    datasets = available_datasets()
    if name not in datasets:
        lacking = ", ".join(f"those of {file}.py need {pkg}" for file, pkg in _found(plugin_files())[1].items())
        more = f" ({lacking}, which is not installed)" if lacking else ""
        raise ConfigError(f"unknown dataset {name!r}; expected one of {', '.join(datasets)}{more}")
    return datasets[name]
