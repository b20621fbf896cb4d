"""FashionMNIST from Debian's package: installed, or fetched for the occasion without installing."""

import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from benchmarks.datasets.sources.source import DOWNLOAD_SECONDS, Source, write_whole
from benchmarks.datasets.sources.unpacking import gunzip
from benchmarks.errors import DatasetError

PACKAGE = "dataset-fashion-mnist"
FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where the package has its four ``.gz`` files."""

MOST_BYTES = 2**26
"""Of a file of the dataset; the largest has 47 million when it is unpacked."""

DEBIAN = "it comes with Debian and its relatives"


class InstalledPackage(Source):
    """Its files are only read."""

    name = "installed"
    title = f"files of the installed Debian package {PACKAGE}"

    def fetch(self, folder: Path, root: Path) -> None:
        """Unpack the installed files."""
        del root
        if not FOLDER.is_dir():
            raise DatasetError(f"Debian's package {PACKAGE} is not installed: there is no {FOLDER}")
        files = {str(path): path.read_bytes() for path in sorted(FOLDER.glob("*.gz"))}
        unpack(files, folder / "FashionMNIST" / "raw")


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
            files = files_of_package(packages[0])
            if not files:
                raise DatasetError(f"{packages[0].name} has no {FOLDER}")
            unpack(files, folder / "FashionMNIST" / "raw")


def files_of_package(package: Path) -> dict[str, bytes]:
    """Read the dataset's packed files from a Debian package; nothing else of it is unpacked.

    Raises
    ------
    DatasetError
        If dpkg-deb is not here, or the package is damaged.
    """
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
            assert program.stdout is not None
            try:
                return packed_files(program.stdout)
            finally:
                program.kill()
    except FileNotFoundError as error:
        raise DatasetError(f"dpkg-deb is not on this machine; {DEBIAN}") from error


def packed_files(stream: IO[bytes]) -> dict[str, bytes]:
    """Read the ``.gz`` files of `FOLDER` from a TAR stream; links and what lies elsewhere are left out.

    Raises
    ------
    DatasetError
        If the stream is damaged, or a file far too large.
    """
    files = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath("/", member.name)
                if member.isfile() and path.parent == PurePosixPath(FOLDER) and path.suffix == ".gz":
                    if member.size > MOST_BYTES:
                        raise DatasetError(f"{path.name} has {member.size:,} bytes, expected at most {MOST_BYTES:,}")
                    content = archive.extractfile(member)
                    files[path.name] = content.read() if content else b""
    except (tarfile.TarError, EOFError) as error:
        raise DatasetError(f"the package is damaged: {error}") from error
    return files


def unpack(files: Mapping[str, bytes], destination: Path) -> None:
    """Unpack ``.gz`` files, given by path and content, into a folder.

    Raises
    ------
    DatasetError
        If one is damaged, or far too large; it is named.
    """
    for path, packed in files.items():
        try:
            content = gunzip(packed, most=MOST_BYTES)
        except DatasetError as error:
            raise DatasetError(f"{path} {str(error).removeprefix('it ')}") from error
        write_whole(destination / Path(path).stem, content)


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
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS
        )
    except FileNotFoundError as error:
        raise DatasetError(f"{command[0]} is not on this machine; {DEBIAN}") from error
    except subprocess.TimeoutExpired as error:
        raise DatasetError(f"{words} did not end within {DOWNLOAD_SECONDS} s") from error
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise DatasetError(f"{words} failed ({last}); `apt-get update` may help")
