"""A Ray cluster: one job a run, on whichever machine has room for it."""

import functools
import hashlib
import os
import pickle
import signal
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.plugins import FILES_VARIABLE
from benchmarks.errors import ConfigError, ExecutorError
from benchmarks.executors.executor import CarryOut, Job, Outcome, after_loss, perform
from benchmarks.executors.processes import PATIENCE

if TYPE_CHECKING:
    from benchmarks.study.study import Cell

NEW_CLUSTER = "local"
"""Ray's word for one on this machine that lasts as long as this process."""

FOLDER_DIGITS = 16
"""Of the name of a folder that stands for another."""

LOOPBACK = "127.0.0.1"

SOURCES = Path(__file__).parents[2]
"""Folder of the packages."""

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Without it, Ray replaces the loopback address by one that other machines reach, and listens there."""


@dataclass(frozen=True)
class RayCluster:
    """The executor of ``--executor ray``.

    Parameters
    ----------
    address : str
        Of a running cluster, or ``"local"`` for one of this machine alone.
    cpus_per_run : int
        Cores that a run takes up, and threads that torch uses in it.
    gpus_per_run : float
        GPUs that it takes up; with 0.25 four runs share one.
    """

    address: str = NEW_CLUSTER
    cpus_per_run: int = 1
    gpus_per_run: float = 0.0

    @property
    def at_once(self) -> None:
        """Nothing is known of the machines."""

    @property
    def threads(self) -> int:
        """As many as a run has cores."""
        return self.cpus_per_run

    @property
    def gpu_share(self) -> float:
        """What a run is given of a GPU."""
        return self.gpus_per_run if 0 < self.gpus_per_run < 1 else 1.0

    def outcomes(self, carry_out: CarryOut, cells: Sequence["Cell"]) -> Generator[tuple["Cell", Outcome]]:
        """Submit all cells, and a lost one again, see `Executor.outcomes`."""
        with self._connected() as ray:
            remote = ray.remote(num_cpus=self.cpus_per_run, num_gpus=self.gpus_per_run, max_retries=0)(work)
            arguments = str(Path.cwd()), pickle.dumps(carry_out)
            running = {remote.remote(*arguments, Job(cell)): Job(cell) for cell in cells}
            try:
                while running:
                    (reference,), _ = ray.wait(list(running), num_returns=1)
                    job = running.pop(reference)
                    ended = result_of(ray, reference, job)
                    if isinstance(ended, Exception):
                        raise ended
                    if isinstance(ended, Job):
                        running[remote.remote(*arguments, ended)] = ended
                    else:
                        yield job.cell, ended
            finally:
                stop(ray, list(running))

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Be connected to the cluster; what Ray does to SIGTERM is undone."""
        ray = import_ray(self.address)
        options: dict[str, Any] = {"address": self.address, "logging_level": "warning"}
        # Workers do not inherit it; where there is no such folder, what is installed there is used.
        plugins = os.environ.get(FILES_VARIABLE, "")
        options["runtime_env"] = {"env_vars": {"PYTHONPATH": str(SOURCES), FILES_VARIABLE: plugins}}
        if self.address == NEW_CLUSTER:
            options |= {"include_dashboard": False, "_node_ip_address": LOOPBACK}
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ExecutorError(f"cannot use the Ray cluster {self.address!r}: {error}") from error
        try:
            signal.signal(signal.SIGTERM, before)
            yield ray
        finally:
            ray.shutdown()


def import_ray(address: str = NEW_CLUSTER) -> Any:
    """Import Ray, which is optional.

    Raises
    ------
    ConfigError
        If it is not installed; says how to install it.
    """
    # A sweep on an offline machine must not try to report its use. Ray reads these when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == NEW_CLUSTER:
        os.environ.update(ON_LOOPBACK)
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--executor ray needs Ray, which is not installed: pip install 'tssl-bp-suite[ray]', or in a checkout "
            "pip install -c constraints.txt -e '.[ray]'"
        ) from error
    return ray


def result_of(ray: Any, reference: Any, job: Job) -> Outcome | Job | Exception:
    """Return how a job ended, the job that is to take its place, or an error that ends all."""
    try:
        ended: Outcome | Exception = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        # `perform` returns what a run raises: this is Ray itself, as when the code is not there.
        return ExecutorError(str(error))
    except ray.exceptions.RayError as error:
        # The worker or its machine is gone, or its memory was.
        return after_loss(job, f"{type(error).__name__}: {first_line(error)}")
    return ended


def first_line(error: Exception) -> str:
    """First line of an error's text, which Ray gives many."""
    return next(iter(str(error).strip().splitlines()), "")


def stop(ray: Any, references: list[Any]) -> None:
    """Have the runs in progress closed as stopped, and wait for that."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=PATIENCE)


def work(folder: str, pickled: bytes, job: Job) -> Outcome | Exception:
    """Carry out a job in a worker of the cluster.

    Parameters
    ----------
    folder : str
        Working folder of the sweep; paths may be relative to it. A machine that does not have it works in a folder of
        its own, from which nothing but the record of the run comes back.
    pickled : bytes
        What carries out jobs.
    job : Job
        What to do.
    """
    try:
        os.chdir(folder)
    except OSError:
        os.chdir(folder_of_this_machine(folder))
    return perform(opened(pickled), job)


def folder_of_this_machine(folder: str) -> Path:
    """Make a folder that stands for one that other machines have."""
    name = hashlib.sha256(folder.encode()).hexdigest()[:FOLDER_DIGITS]
    path = Path(tempfile.gettempdir()) / f"tssl-{os.getuid()}-{name}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


@functools.lru_cache(maxsize=1)
def opened(pickled: bytes) -> CarryOut:
    """Unpickle once a worker, so that data are loaded once."""
    carry_out: CarryOut = pickle.loads(pickled)
    return carry_out
