"""What a result was made with: machine, versions, backend, and the commit of this code."""

import functools
import hashlib
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from baselines.method import Method
from baselines.plugins import plugin_modules
from benchmarks.config.execution import Execution
from benchmarks.defaults import Precision
from benchmarks.platform.determinism import describe_determinism
from benchmarks.platform.precision import precision_on
from tssl_core.errors import BackendUnavailableError
from tssl_core.kernels import resolve

COMPUTING = (
    "tssl_core",
    "baselines",
    *(f"benchmarks/{package}" for package in ("config", "datasets", "metrics", "platform", "tasks", "training")),
    "benchmarks/results.py",
)
"""What computes: a change in it may change the numbers of a run, and no checkpoint of before is gone on from. Command
line, records, mirror, executors and reports are not in it."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything outside the configuration that a number may depend on.

    Parameters
    ----------
    command : str
        What starts the study again, in full.
    commit : str
        Of this code, see `commit`.
    code_checksum : str
        See `code_checksum`: unlike the commit, it tells two states of a changed checkout apart.
    backend, device : str
        What ran the neurons, by its own name even if it was chosen by ``auto``, see `backend_of`; and where.
    precision : str
        Of convolutions and matrix products as they were computed, see `benchmarks.platform.precision`.
    processor, cores, threads : str, int, int
        Model, its cores, and the threads that torch uses.
    determinism : str
        PyTorch's switches, see `describe_determinism`.
    platform, python, torch, torchvision : str
        Versions; of torchvision, which not all data need, ``none`` where it is not installed.
    data_source, data_checksum : str
        Where the dataset came from, and the SHA-256 of its content.
    """

    command: str
    commit: str
    code_checksum: str
    backend: str
    device: str
    precision: Precision
    processor: str
    cores: int
    threads: int
    determinism: str
    platform: str
    python: str
    torch: str
    torchvision: str
    data_source: str
    data_checksum: str

    def deciding(self) -> dict[str, str]:
        """What may change the bits of a result: with equal values a run goes on as if it had not been interrupted."""
        names = ["code_checksum", "backend", "device", "threads", "determinism", "torch", "data_checksum"]
        if self.device == "cpu":
            names.append("processor")
        return {name: str(getattr(self, name)) for name in names}


def describe_environment(execution: Execution, *, command: str, data_source: str, data_checksum: str) -> Environment:
    """Look at the machine that the runs of `execution` take place on; backend and precision are those by default.

    Raises
    ------
    BackendUnavailableError
        If the backend cannot run on the device.
    """
    device = torch.device(execution.device)
    return Environment(
        command=command,
        commit=commit(),
        code_checksum=code_checksum(),
        backend=resolve(execution.backend, device).name,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        precision=precision_on(device, "tf32"),
        processor=processor_name(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        determinism=describe_determinism(),
        platform=platform.platform(),
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=version_of("torchvision"),
        data_source=data_source,
        data_checksum=data_checksum,
    )


def backend_of(method: Method, execution: Execution) -> str:
    """Name of the backend that runs the neurons of a method; ``none`` for a method without neurons of this suite.

    One that cannot run is named as it was asked for: the run that asks for it fails, and says why.
    """
    if method.neurons is None:
        return "none"
    try:
        return method.neurons.resolve(execution.backend, torch.device(execution.device)).name
    except BackendUnavailableError:
        return execution.backend


def version_of(package: str) -> str:
    """Version of an installed package, or ``none``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def commit() -> str:
    """Commit of the code, with ``+changes`` when the checkout differs from it; ``unknown`` outside a checkout."""
    folder = Path(__file__).parent
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+changes" if changes else "")


def code_checksum() -> str:
    """SHA-256 of the sources that a result is computed by, see `COMPUTING`, and of plug-ins from elsewhere."""
    return _checksum(tuple(Path(module.__file__ or "") for module in plugin_modules()))


@functools.cache
def _checksum(plugins: tuple[Path, ...]) -> str:
    root = Path(__file__).parents[2]
    named = [(path.relative_to(root).as_posix(), path) for path in computing_files(root)]
    digest = hashlib.sha256()
    for name, path in (*named, *((path.name, path) for path in plugins)):
        digest.update(f"{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def computing_files(root: Path) -> list[Path]:
    """The files of `COMPUTING`, in order."""
    found = {path for name in COMPUTING for path in ((root / name), *(root / name).rglob("*"))}
    return sorted(path for path in found if path.suffix in (".py", ".c", ".h"))


def processor_name() -> str:
    """Model of the processor, as the operating system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
