"""Where what is kept of a run lies: record, lock and checkpoints are in one folder, ``<root>/<study>/<run_key>``."""

from pathlib import Path
from urllib.parse import quote

from benchmarks.errors import TrackingError


def study_folder(root: Path, study: str) -> Path:
    """Folder of a study's runs under the root of all runs.

    Raises
    ------
    TrackingError
        If the name would lead to another folder.
    """
    if study in ("", ".", ".."):
        raise TrackingError(f"a study is called {study!r}; expected the name of a study, as its folder has it")
    return root / quote(study, safe="")


def run_folder(root: Path, study: str, run_key: str) -> Path:
    """Folder of a run under the root of all runs; errors as for `study_folder`."""
    return study_folder(root, study) / run_key
