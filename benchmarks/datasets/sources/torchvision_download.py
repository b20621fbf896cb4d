"""Torchvision's own download of MNIST and its kin."""

import io
import sys
import zlib
from contextlib import nullcontext, redirect_stderr
from http.client import HTTPException
from pathlib import Path

from benchmarks.datasets.sources.needed import needed, torchvision_dataset
from benchmarks.datasets.sources.source import Source
from benchmarks.errors import DatasetError


class TorchvisionDownload(Source):
    """Goes on from archives that are whole by torchvision's MD5 sums.

    Parameters
    ----------
    of : str
        Torchvision's name of what to download.
    """

    name = "torchvision"
    title = "torchvision download"

    def __init__(self, of: str) -> None:
        self.of = of

    def fetch(self, folder: Path, root: Path) -> None:
        """Download and unpack."""
        del root
        self._remove_unfinished(folder)
        # Torchvision draws its bars everywhere.
        quiet = nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())
        try:
            with quiet:
                torchvision_dataset(self.of)(folder, download=True)
        except BaseException as error:
            self._remove_unfinished(folder)
            if isinstance(error, HTTPException | EOFError | zlib.error):
                raise DatasetError(f"the download broke off: {error!r}") from error
            raise

    def _remove_unfinished(self, folder: Path) -> None:
        """Leave whole archives only: torchvision takes any unpacked file for a whole one."""
        check_integrity = needed("torchvision.datasets.utils", package="torchvision").check_integrity
        raw = folder / self.of / "raw"
        for name, md5 in torchvision_dataset(self.of).resources:
            (raw / name).with_suffix("").unlink(missing_ok=True)
            if not check_integrity(raw / name, md5):
                (raw / name).unlink(missing_ok=True)
