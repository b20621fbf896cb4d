"""Where datasets come from: the contract of a source, and how what it gives gets under the data root whole."""

import errno
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from benchmarks.defaults import DATA_ROOT_VARIABLE
from benchmarks.errors import ConfigError, DatasetError
from benchmarks.platform.atomic import write_atomically
from benchmarks.platform.locks import locked

ALREADY_THERE = "files under the data root"

DOWNLOAD_SECONDS = 600
"""That a program which downloads a dataset may take."""

_NO_SOURCE_CAN_HELP = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class Source(ABC):
    """One way to get a dataset.

    Attributes
    ----------
    name : str
        What ``tssl data prepare --source`` calls it; also a folder's name.
    title : str
        Where the data then came from, in words; logged with the run that made it.
    automatic : bool
        Whether it is tried without being asked for by name.
    """

    name: str
    title: str
    automatic: bool = True

    @abstractmethod
    def fetch(self, folder: Path, root: Path) -> None:
        """Put the dataset's files into a folder, in the layout that they have under the data root.

        An earlier call that was interrupted may have left files in `folder`: go on from them. So write each file whole
        (`write_whole`), or remove on failure what cannot be gone on from. Bars are ``tqdm(..., disable=None)``, which
        draws on terminals only.

        Parameters
        ----------
        folder : Path
            A scratch folder of this source and dataset, on the data root's file system.
        root : Path
            The data root, to read another dataset from; write nothing there.

        Raises
        ------
        DatasetError, OSError, RuntimeError
            If that is not possible; the message says why and may name what would help.
        """


class Sourced(Protocol):
    """What `prepare` asks of a dataset; see `benchmarks.datasets.dataset.Dataset`."""

    @property
    def name(self) -> str:
        """What configurations call it."""

    @property
    def sources(self) -> Sequence[Source]:
        """Where its files can be had, in the order in which they are tried."""

    def missing(self, root: Path) -> list[Path]:
        """Files or folders that are not there; each is moved into place as one."""

    def verify(self, root: Path) -> list[str]:
        """What is wrong with the content under `root`, a sentence a file."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that under its name it is never seen in part; makes its folder."""
    write_atomically(path, content, durable=False)


def prepare(dataset: Sourced, root: Path, source: str | None = None) -> str:
    """Get a dataset's missing files under the data root.

    Each source fetches into a folder of its own in ``<root>/.partial-<dataset>``, which stays when the process is
    interrupted, so that the next call goes on from there. What is whole and right is then moved into place; nothing
    that is there already is replaced. One process prepares at a time; others wait for it.

    Parameters
    ----------
    dataset : Sourced
        The dataset.
    root : Path
        The data root; made if need be.
    source : str, optional
        Name of the one source to use; by default all automatic ones are tried in turn.

    Returns
    -------
    str
        Where the files came from, in words.

    Raises
    ------
    ConfigError
        If the dataset has no such source.
    DatasetError
        If no source gave the files, for reasons that the message lists, or if the data root cannot be written.
    """
    chosen = choose(dataset, source)
    if not dataset.missing(root):
        return ALREADY_THERE
    reasons = []
    try:
        with scratch_folder(dataset, root) as scratch:
            for candidate in chosen if dataset.missing(root) else ():
                reason = _attempt(dataset, candidate, scratch / candidate.name, root)
                if reason is None:
                    shutil.rmtree(scratch, ignore_errors=True)  # another process may be opening the lock
                    return candidate.title
                reasons.append(f"{candidate.name}: {reason}")
    except OSError as error:
        raise DatasetError(
            f"{dataset.name} cannot be put under the data root {root} ({error}). What was there is unchanged; make "
            f"room or give write permission there, or name another folder by --data-root or ${DATA_ROOT_VARIABLE}"
        ) from error
    if reasons or not chosen:
        raise DatasetError(_explain(dataset, root, chosen, reasons))
    return ALREADY_THERE  # by another process, while this one waited


def choose(dataset: Sourced, source: str | None) -> list[Source]:
    """Return the source of that name, or the automatic ones."""
    if source is None:
        return [candidate for candidate in dataset.sources if candidate.automatic]
    chosen = [candidate for candidate in dataset.sources if candidate.name == source]
    if not chosen:
        known = ", ".join(candidate.name for candidate in dataset.sources) or "none: it needs none"
        raise ConfigError(f"unknown source {source!r} of {dataset.name}; expected one of: {known}")
    return chosen


def _attempt(dataset: Sourced, source: Source, folder: Path, root: Path) -> str | None:
    """Fetch, verify and move into place, or return why that did not work; raises what no other source can help."""
    folder.mkdir(exist_ok=True)
    if sys.stderr.isatty():
        print(f"{dataset.name}: fetching ({source.title})", file=sys.stderr)
    try:
        source.fetch(folder, root)
    except (DatasetError, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in _NO_SOURCE_CAN_HELP:
            raise
        return " ".join(str(error).split()) or type(error).__name__
    problems = dataset.verify(folder)
    if problems:
        shutil.rmtree(folder)
        return "; ".join(problems).replace(f"{folder}{os.sep}", "")
    for path in dataset.missing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(root)).replace(path)
    return None


@contextmanager
def scratch_folder(dataset: Sourced, root: Path) -> Iterator[Path]:
    """Give a dataset's scratch folder to one process at a time; what is empty of it is removed at the end."""
    scratch = root / f".partial-{dataset.name}"

    def waiting() -> None:
        print(f"waiting for another process that prepares {dataset.name} in {scratch}", file=sys.stderr)

    with locked(scratch.with_suffix(".lock"), waiting=waiting):
        scratch.mkdir(exist_ok=True)
        try:
            yield scratch
        finally:
            _remove_empty_folders(scratch)


def _remove_empty_folders(top: Path) -> None:
    """Remove a folder's empty subfolders, and itself if nothing is left in it."""
    for folder, _, _ in os.walk(top, topdown=False):
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def _explain(dataset: Sourced, root: Path, tried: Sequence[Source], reasons: Sequence[str]) -> str:
    """Say what was tried and every other way to get the dataset, in one line."""
    missing = dataset.missing(root)
    names = ", ".join(path.name for path in missing[:4]) + (", ..." if len(missing) > 4 else "")
    others = [source for source in dataset.sources if source not in tried]
    ways = [
        "connect to the internet and run again",
        f"put {names} into {missing[0].parent}",
        *(f"`tssl data prepare {dataset.name} --source {source.name}` ({source.title})" for source in others),
        f"name a folder that has them by --data-root or ${DATA_ROOT_VARIABLE}",
    ]
    outcome = "; ".join(reasons) or "no source is tried without being asked for"
    problem = f"{dataset.name} is not under {root} and could not be fetched ({outcome})"
    return f"{problem}. Ways to get it: {'; or '.join(ways)}"
