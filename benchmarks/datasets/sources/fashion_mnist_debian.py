"""FashionMNIST from Debian's package: installed, or fetched for the occasion without installing."""

import gzip
import subprocess
import tempfile
import zlib
from pathlib import Path

from benchmarks.datasets.sources.source import Source, write_whole
from benchmarks.errors import DatasetError

PACKAGE = "dataset-fashion-mnist"
FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where the package has its four ``.gz`` files."""

_DOWNLOAD_SECONDS = 600


class InstalledPackage(Source):
    """Its files are only read."""

    name = "installed"
    title = f"files of the installed Debian package {PACKAGE}"

    def fetch(self, folder: Path, root: Path) -> None:
        """Unpack the installed files."""
        del root
        if not FOLDER.is_dir():
            raise DatasetError(f"Debian's package {PACKAGE} is not installed: there is no {FOLDER}")
        unpack(FOLDER, folder / "FashionMNIST" / "raw")


class FetchedPackage(Source):
    """Asked for by name only, as it runs the system's package programs; these need no rights and install nothing."""

    name = "debian"
    title = f"Debian package {PACKAGE}"
    automatic = False

    def fetch(self, folder: Path, root: Path) -> None:
        """Fetch the package with apt-get, unpack it with dpkg-deb, and its files from there."""
        del root
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            run(["apt-get", "download", PACKAGE], Path(scratch))
            packages = list(Path(scratch).glob("*.deb"))
            if len(packages) != 1:
                raise DatasetError(f"`apt-get download {PACKAGE}` left {len(packages)} packages, expected one")
            run(["dpkg-deb", "--extract", str(packages[0]), "tree"], Path(scratch))
            tree = Path(scratch) / "tree" / FOLDER.relative_to("/")
            if not tree.is_dir():
                raise DatasetError(f"{packages[0].name} has no {FOLDER}")
            unpack(tree, folder / "FashionMNIST" / "raw")


def unpack(source: Path, destination: Path) -> None:
    """Unpack every ``.gz`` file of one folder into another.

    Raises
    ------
    DatasetError
        If one is damaged; it is named.
    """
    for path in sorted(source.glob("*.gz")):
        try:
            content = gzip.decompress(path.read_bytes())
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DatasetError(f"{path} is damaged: {error}") from error
        write_whole(destination / path.stem, content)


def run(command: list[str], folder: Path) -> None:
    """Run a program in a folder.

    Raises
    ------
    DatasetError
        If it is not here, fails, or takes too long; says its last line.
    """
    words = f"`{command[0]} {command[1]}`"
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_SECONDS
        )
    except FileNotFoundError as error:
        raise DatasetError(f"{command[0]} is not on this machine; it comes with Debian and its relatives") from error
    except subprocess.TimeoutExpired as error:
        raise DatasetError(f"{words} did not end within {_DOWNLOAD_SECONDS} s") from error
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise DatasetError(f"{words} failed ({last}); `apt-get update` may help")
