"""Archives made to harm: that grow without end, lead elsewhere, ask for code, or lie about what is in them."""

import gzip
import io
import os
import pickle
import resource
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.sources.fashion_mnist_debian import FOLDER, files_of_package, packed_files, unpack
from benchmarks.datasets.sources.mnist_wheel import MEMBER, read_member, read_pickle
from benchmarks.errors import DatasetError
from tests.attacks.conftest import Tally
from tests.benchmarks.test_distrust import tar_of
from tests.benchmarks.test_packaged_sources import RunsACommand

GIB, MIB = 2**30, 2**20
MORE_MEMORY = 700 * MIB
"""What reading a hostile archive may take at most."""


def bomb(size: int) -> bytes:
    """A ``.gz`` of so many zeros, made piece by piece."""
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=9) as file:
        for _ in range(size // (16 * MIB)):
            file.write(bytes(16 * MIB))
    return stream.getvalue()


BOMB = bomb(4 * GIB)


def wheel(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def refused(action: object, *arguments: object) -> str | None:
    """Why an archive was not refused, or took too much memory."""
    assert callable(action)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    try:
        action(*arguments)
    except DatasetError as error:
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        return None if grown < MORE_MEMORY else f"it took {grown:,} bytes: {error}"
    except Exception as error:
        return repr(error)
    return "it was taken"


def test_wheels(empty_folder: Path, tally: Tally) -> None:
    good = wheel(empty_folder / "good.whl", (MEMBER, gzip.compress(b"x" * 5000))).read_bytes()
    wheels = {
        "4 GiB in a .gz": wheel(empty_folder / "a.whl", (MEMBER, BOMB)),
        "a .gz in the place of the pickle's": wheel(empty_folder / "b.whl", (MEMBER, b"\x1f\x8b" + bytes(100))),
        "without the member": wheel(empty_folder / "c.whl", ("../../../x", b"x")),
        "an absolute member": wheel(empty_folder / "d.whl", (f"/{MEMBER}", gzip.compress(b"x"))),
        "empty": empty_folder / "e.whl",
    }
    (empty_folder / "e.whl").write_bytes(b"")
    for number, (place, new) in enumerate(
        [
            (6, b"\x01"),
            (8, b"\x63\x00"),
            (22, b"\xff\xff\xff\x7f"),
            (18, b"\x00\x00\x00\x00"),
            (30, b"/"),
            (60, b"\xff" * 9),
        ]
    ):
        path = empty_folder / f"lie-{number}.whl"
        path.write_bytes(good[:place] + new + good[place + len(new) :])
        wheels[f"a lie at {place}"] = path
    central = good.index(b"PK\x01\x02")
    for place, new in [(10, b"\x63\x00"), (8, b"\x01\x00"), (16, bytes(4)), (20, b"\xff" * 4), (42, b"\xff" * 4)]:
        path = empty_folder / f"central-{place}.whl"
        path.write_bytes(good[: central + place] + new + good[central + place + len(new) :])
        wheels[f"a lie in the directory at {place}"] = path
    for what, path in wheels.items():
        outcome = refused(read_member, path)
        # A lie that changes nothing of the content does no harm.
        tally.add(what, None if outcome == "it was taken" and read_member(path) == b"x" * 5000 else outcome)
    assert sorted(path.suffix for path in empty_folder.iterdir()) == [".whl"] * (len(wheels) + 1)


def test_pickles_that_ask_for_code(empty_folder: Path, tally: Tally) -> None:
    functions: list[Any] = [
        os.system,
        eval,
        exec,
        __import__,
        subprocess.Popen,
        Path.touch,
        open,
        getattr,
        shutil.rmtree,
    ]
    for function in functions:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            content = pickle.dumps(RunsACommand(function, "open('it ran', 'w')"), protocol)
            ran = refused(read_pickle, content) or ("it ran" if Path("it ran").exists() else None)
            tally.add(f"{function!r} {protocol}", ran)


def test_packages_as_tar(empty_folder: Path, tally: Tally) -> None:
    here = f".{FOLDER}"
    for what, stream in {
        "a way out": tar_of((f"{here}/../../../../../../x.gz", b"x")),
        "an absolute name": tar_of(("/etc/x.gz", b"x")),
        "a link": tar_of((f"{here}/x.gz", "/etc/passwd")),
        "a link to a folder": tar_of((here, "/etc"), (f"{here}/passwd.gz", "/etc/passwd")),
    }.items():
        found = packed_files(stream)
        tally.add(what, f"{list(found)} are taken" if found else None)
    for size in (2**27, 2**40, 2**62):
        stream = tar_of((f"{here}/x.gz", b"x"))
        header = bytearray(stream.getvalue())
        header[124:136] = b"\x80" + size.to_bytes(11, "big")
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header[:512]):06o}\0 ".encode()
        tally.add(f"a size of {size:,}", refused(packed_files, io.BytesIO(bytes(header))))
    tally.add("4 GiB in a .gz", refused(unpack, {"x.gz": BOMB}, empty_folder / "raw"))
    assert list(empty_folder.iterdir()) == []


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb, which comes with Debian")
def test_packages_of_debian(empty_folder: Path, tally: Tally) -> None:
    tree = empty_folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    fields = ("Package: made", "Version: 1", "Architecture: all", "Maintainer: nobody <n@localhost>", "Description: x")
    (tree / "DEBIAN" / "control").write_text("\n".join(fields) + "\n")
    folder = tree / FOLDER.relative_to("/")
    folder.mkdir(parents=True)
    with (folder / "images.gz").open("wb") as file:
        file.truncate(2 * GIB)
    package = empty_folder / "made.deb"
    subprocess.run(["dpkg-deb", "-Zgzip", "--build", tree, package], check=True, capture_output=True)
    tally.add("2 GiB in a package", refused(files_of_package, package))
    content = package.read_bytes()
    for part in (0, 100, len(content) // 2):
        package.write_bytes(content[:part])
        try:
            found = files_of_package(package)
        except DatasetError:
            found = {}
        tally.add(f"cut after {part}", f"{list(found)} are taken" if found else None)
