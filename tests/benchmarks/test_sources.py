"""How a dataset gets under the data root: in turn, whole, once, and after an interruption from where it stood."""

import errno
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from tqdm import tqdm

from benchmarks.datasets.mnist import MNIST
from benchmarks.datasets.samples.split import Data
from benchmarks.datasets.sources.source import ALREADY_THERE, Source, prepare, write_whole
from benchmarks.errors import ConfigError, DatasetError
from tests.conftest import write_mnist

NAMES = ("a", "b", "c")


@dataclass
class Letters:
    """A dataset of three files in a folder that is moved as one, or, if `single`, one by one."""

    sources: Sequence[Source]
    single: bool = False
    name: str = "letters"

    def missing(self, root: Path) -> list[Path]:
        folder = root / "letters"
        parts = [folder / name for name in NAMES] if self.single else [folder]
        return [path for path in parts if not path.exists()]

    def verify(self, root: Path) -> list[str]:
        paths = [root / "letters" / name for name in NAMES]
        return [f"{path} is wrong" for path in paths if not path.is_file() or path.read_text() != path.name]


def nothing(_: str) -> None:
    pass


@dataclass
class Writer(Source):
    """Writes the files that are not there yet, and tells which."""

    name: str = "writer"
    title: str = "a writer"
    automatic: bool = True
    before: Callable[[str], None] = nothing
    content: Callable[[str], str] = str
    written: list[str] = field(default_factory=list)

    def fetch(self, folder: Path, root: Path) -> None:
        del root
        for name in NAMES:
            path = folder / "letters" / name
            if path.exists():
                continue
            self.before(name)
            write_whole(path, self.content(name).encode())
            self.written.append(name)


def fails_at(last: str, error: BaseException) -> Callable[[str], None]:
    def before(name: str) -> None:
        if name == last:
            raise error

    return before


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


WHOLE = {f"letters/{name}": name for name in NAMES}


@pytest.mark.parametrize("single", [False, True])
def test_what_is_missing_is_fetched_once_and_nothing_else_stays(tmp_path: Path, single: bool) -> None:
    writer = Writer()
    dataset = Letters([writer], single)
    assert prepare(dataset, tmp_path / "new" / "root") == "a writer"
    assert contents(tmp_path / "new" / "root") == WHOLE
    assert prepare(dataset, tmp_path / "new" / "root") == ALREADY_THERE
    assert writer.written == list(NAMES)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupted_preparation_goes_on_from_the_finished_files(tmp_path: Path, error: BaseException) -> None:
    writer = Writer(before=fails_at("c", error))
    dataset = Letters([writer])
    with pytest.raises(DatasetError if isinstance(error, OSError) else type(error)) as caught:
        prepare(dataset, tmp_path)
    if isinstance(error, OSError):
        assert "No space left" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
    assert dataset.missing(tmp_path), "a part is not taken for the whole"
    writer.before = nothing
    prepare(dataset, tmp_path)
    assert writer.written == ["a", "b", "c"], "nothing twice"
    assert contents(tmp_path) == WHOLE


def test_an_interruption_before_the_first_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(Letters([Writer(before=fails_at("a", KeyboardInterrupt()))]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_next_source_is_tried_and_the_one_to_be_asked_for_is_not(tmp_path: Path) -> None:
    asked = Writer("asked", automatic=False)
    broken = Writer("broken", before=fails_at("a", RuntimeError("no network")))
    wrong = Writer("wrong", content=str.upper)
    assert prepare(Letters([asked, broken, wrong, Writer()]), tmp_path) == "a writer"
    assert contents(tmp_path) == WHOLE
    assert asked.written == []


def test_all_reasons_and_all_ways_are_in_one_line(tmp_path: Path) -> None:
    broken = Writer("broken", before=fails_at("a", RuntimeError("no\nnetwork")))
    wrong = Writer("wrong", content=str.upper)
    with pytest.raises(DatasetError) as caught:
        prepare(Letters([broken, wrong, Writer("asked", "by request", automatic=False)]), tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert "broken: no network; wrong: letters/a is wrong; letters/b is wrong" in message
    assert "`tssl data prepare letters --source asked` (by request)" in message
    assert list(tmp_path.iterdir()) == []


def test_a_source_can_be_asked_for_by_name_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    dataset = Letters([Writer("first"), Writer("asked", "by request", automatic=False)])
    with pytest.raises(ConfigError, match="unknown source 'nowhere' of letters; expected one of: first, asked"):
        prepare(dataset, tmp_path, "nowhere")
    assert prepare(dataset, tmp_path, "asked") == "by request"


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    write_whole(tmp_path / "letters" / "b", b"mine")
    prepare(Letters([Writer()], single=True), tmp_path)
    assert contents(tmp_path) == WHOLE | {"letters/b": "mine"}


def test_a_root_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatasetError, match=rf"cannot be put under .*{tmp_path / 'file'}.*--data-root"):
        prepare(Letters([Writer()]), tmp_path / "file")


def test_a_read_only_root_ends_the_preparation_at_once(tmp_path: Path) -> None:
    second = Writer("second")
    read_only = Writer(before=fails_at("a", OSError(errno.EROFS, "Read-only file system")))
    with pytest.raises(DatasetError, match=r"Read-only file system.*--data-root"):
        prepare(Letters([read_only, second]), tmp_path)
    assert second.written == []


def test_a_second_process_waits_and_takes_what_the_first_prepared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started, waiting = threading.Event(), threading.Event()
    acquire = FileLock.acquire

    def observed(lock: FileLock, timeout: float | None = None) -> Any:
        if timeout is None:  # the call of the one that waits
            waiting.set()
        return acquire(lock, timeout)

    def before(name: str) -> None:
        started.set()
        assert waiting.wait(10)

    monkeypatch.setattr(FileLock, "acquire", observed)
    writer = Writer(before=before)
    first = threading.Thread(target=prepare, args=(Letters([writer]), tmp_path))
    first.start()
    assert started.wait(10)
    late = Writer("late")
    assert prepare(Letters([late]), tmp_path) == ALREADY_THERE
    first.join(10)
    assert (writer.written, late.written) == (list(NAMES), [])
    assert contents(tmp_path) == WHOLE
    assert "waiting for another process that prepares letters" in capsys.readouterr().err


def test_the_example_of_a_source_in_the_documentation_goes_on_after_an_interruption(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "adding.md"
    examples = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (code for code in examples if "(Source)" in code)
    made: list[int] = []

    def made_from(images: Data, number: int) -> bytes:
        if number == len(made) == 3:
            made.append(-1)
            raise KeyboardInterrupt
        made.append(number)
        return bytes(images.train.batch(torch.tensor([number]))[1].tolist())

    names = {"Source": Source, "Path": Path, "MNIST": MNIST, "tqdm": tqdm, "write_whole": write_whole}
    names["made_from"] = made_from
    write_mnist(tmp_path / "MNIST" / "raw", train=5)
    exec(compile(example, str(page), "exec"), names)
    source: Source = names["Made"]()  # type: ignore[operator]
    with pytest.raises(KeyboardInterrupt):
        source.fetch(tmp_path / "scratch", tmp_path)
    source.fetch(tmp_path / "scratch", tmp_path)
    assert made == [0, 1, 2, -1, 3, 4]
    assert [(tmp_path / "scratch" / "made" / f"{number}.bin").read_bytes() for number in range(5)] == [
        bytes([number]) for number in range(5)
    ]
