"""MLflow as a mirror of the records: a thread brings it up to date while a sweep goes on, and nothing waits for it."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from benchmarks.errors import ConfigError, DamagedRecordError, LockedError, TrackingError
from benchmarks.platform.locks import locked
from benchmarks.tracking.connection import Connection
from benchmarks.tracking.links import links_of
from benchmarks.tracking.methods import log_methods
from benchmarks.tracking.report import log_report
from benchmarks.tracking.runs import Runs, read
from benchmarks.tracking.system import SystemSampler
from benchmarks.tracking.upload import Uploader

if TYPE_CHECKING:
    from mlflow import MlflowClient

INTERVAL = 5.0
"""Seconds between two looks at the records."""

OTHERS_SECONDS = 60.0
"""How long, at the end, the mirror of another sweep on the same study is waited for."""

LOCK_FILE = "mirror.lock"
"""In a study's folder: of several sweeps on it one mirrors at a time, as MLflow would make twice what two look for."""


@dataclass
class Seen:
    """A record's file when it was last looked at, and whether its run was in progress."""

    stamp: tuple[int, int]
    running: bool


class Mirror:
    """Keeps MLflow up to date with the records, see docs/mlflow.md.

    Parameters
    ----------
    uri : str
        MLflow tracking URI: ``sqlite:///file.db``, or ``http://...`` of a server.
    system_metrics : bool
        Whether to log the use of processor, memory, disk and network, where psutil is installed.

    Raises
    ------
    TrackingError
        If MLflow is not installed. A store that cannot be used is no error: what it lacks is in the records.
    """

    def __init__(self, uri: str, *, system_metrics: bool = False) -> None:
        self.connection = Connection(uri)
        self._system = SystemSampler.if_possible() if system_metrics else None
        self._uploader: Uploader | None = None
        self._seen: dict[Path, Seen] = {}

    @contextmanager
    def following(self, runs: Runs, study: str) -> Iterator[None]:
        """Mirror a study in a thread, from its start to its end; say so if MLflow could not be reached."""
        ended = threading.Event()
        thread = threading.Thread(target=self._follow, args=(runs, study, ended), daemon=True, name="mirror")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            if self.connection.failure:
                print_line(f"{self.connection.failure}. The records are in {runs.root}; bring MLflow up to date by")
                print_line(f"tssl sync {study} --runs {runs.root} --tracking-uri {self.connection.uri}")

    def _follow(self, runs: Runs, study: str, ended: threading.Event) -> None:
        told = False
        while not ended.is_set():
            if not self._attempt(lambda client: self._bring_up_to_date(client, runs, study, live=True)) and not told:
                told = True
                if self.connection.failure:
                    print_line(f"{self.connection.failure}. The sweep goes on without MLflow, and tries it again")
            ended.wait(INTERVAL)
        self._attempt(lambda client: self._bring_up_to_date(client, runs, study), at_once=True)

    def sync(self, runs: Runs, study: str) -> int:
        """Bring MLflow up to date with a study now, and return with how many records there was something to do.

        Raises
        ------
        TrackingError
            If MLflow cannot be used.
        """
        counts: list[int] = []
        if not self._attempt(lambda client: counts.append(self._bring_up_to_date(client, runs, study)), at_once=True):
            raise TrackingError(self.connection.failure)
        return sum(counts)

    def log_report(self, study: str, folder: Path) -> None:
        """Keep the files of a study's report in a run of their own; say so if that does not work."""
        if not self._attempt(lambda client: log_report(self._on(client), study, folder), at_once=True):
            print_line(f"{self.connection.failure}. The report is not in MLflow; it is in {folder}")

    def links(self, study: str) -> dict[str, str]:
        """Links into MLflow's UI, see `benchmarks.tracking.links`; none if MLflow cannot be reached."""
        experiments: list[str] = []
        self._attempt(lambda client: experiments.append(self._on(client).experiment(study)), at_once=True)
        return links_of(self.connection.uri, experiments[0]) if experiments else {}

    def _attempt(self, action: "Callable[[MlflowClient], object]", *, at_once: bool = False) -> bool:
        done = self.connection.attempt(action, at_once=at_once)
        if not done:
            # What was in the middle is not known to have arrived.
            self._uploader = None
            self._seen.clear()
        return done

    def _on(self, client: "MlflowClient") -> Uploader:
        if self._uploader is None:
            self._uploader = Uploader(client)
        return self._uploader

    def _bring_up_to_date(self, client: "MlflowClient", runs: Runs, study: str, *, live: bool = False) -> int:
        """Mirror all records of a study that have changed, unless somebody else is at it; how many that were."""
        if not runs.files(study):
            return 0
        try:
            with locked(runs.study_folder(study) / LOCK_FILE, seconds=0 if live else OTHERS_SECONDS):
                changed = sum(self._mirror(client, runs, path, live=live) for path in runs.files(study))
                if not live:
                    log_methods(self._on(client), study, runs.records(study))
                return changed
        except LockedError as error:
            if live:
                return 0
            raise TrackingError(f"MLflow is not brought up to date: {error}") from error

    def _mirror(self, client: "MlflowClient", runs: Runs, path: Path, *, live: bool) -> bool:
        found = path.stat()
        stamp, seen = (found.st_mtime_ns, found.st_size), self._seen.get(path)
        if seen is not None and seen.stamp == stamp and not seen.running:
            return False
        try:
            record = read(path)
            if record is None:
                return False
            running = record.status == "running"
            extra = self._system.sample() if self._system and live and running and record.history else {}
            changed = self._on(client).upload(record, runs, extra)
        except (ConfigError, DamagedRecordError) as error:
            print_line(f"{path} is not mirrored: {error}")
            running = changed = False
        self._seen[path] = Seen(stamp, running)
        return changed


def print_line(message: str) -> None:
    """Print a line between progress bars."""
    tqdm.write(message, file=sys.stderr)
