"""N-MNIST and its simulated twin: on small trees of files, whole, damaged, interrupted and downloaded."""

import functools
import hashlib
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import tonic.datasets
import torch

from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.datasets import nmnist_simulated
from benchmarks.datasets.dataset import get_dataset
from benchmarks.datasets.events import frame_cache, workers
from benchmarks.datasets.events.camera import Camera
from benchmarks.datasets.events.frames import FrameParameters, bin_events
from benchmarks.datasets.events.recording import encode_events, read_events
from benchmarks.datasets.nmnist import NMNIST
from benchmarks.datasets.nmnist_simulated import SimulatedNMNIST, record_images
from benchmarks.datasets.samples.split import Data, ImageSplit
from benchmarks.errors import ConfigError, DatasetError
from benchmarks.study.study import cell_of
from benchmarks.training.training import prepare
from tests.benchmarks.recordings import events_of, random_events, write_tree

ALL = torch.arange(40)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a small stand-in for N-MNIST."""
    write_tree(tmp_path / "root" / "NMNIST")
    return tmp_path / "root"


def load(root: Path, time_steps: int = 30, **changes: object) -> Data:
    return NMNIST().load(root, parameters=FrameParameters(**changes), time_steps=time_steps)  # type: ignore[arg-type]


def frames_by_hand(number: int, time_steps: int, parameters: FrameParameters) -> torch.Tensor:
    """Frames of a recording of the small training set, pixel by pixel."""
    frames = torch.zeros(time_steps, 2 * 34 * 34)
    for time_bin, pixel in zip(*bin_events(random_events(number), parameters), strict=True):
        if max(time_bin - 1, 0) < time_steps:
            frames[max(time_bin - 1, 0), pixel] = 1
    return frames.view(time_steps, 2, 34, 34)


@pytest.mark.parametrize("time_steps", [1, 30, 100, 120])
def test_batches_are_the_frames_of_the_recordings_in_the_order_asked_for(root: Path, time_steps: int) -> None:
    split = load(root, time_steps).train
    inputs, labels = split.batch(torch.tensor([7, 0, 39, 7]))
    assert inputs.shape == (time_steps, 4, 2, 34, 34)
    assert inputs.dtype == torch.float32
    for position, sample in enumerate((7, 0, 39, 7)):
        assert torch.equal(inputs[:, position], frames_by_hand(sample + 1, time_steps, FrameParameters()))
    assert labels.tolist() == [(7 * (sample + 1)) % 10 for sample in (7, 0, 39, 7)]


def test_samples_come_in_the_order_of_their_numbers_and_not_by_class(root: Path) -> None:
    _, labels = load(root).train.batch(ALL)
    assert labels[:10].tolist() == [7, 4, 1, 8, 5, 2, 9, 6, 3, 0]


def test_the_authors_edges_are_a_choice_that_needs_no_new_frames(root: Path) -> None:
    path = root / "NMNIST" / "Train" / "7" / "00001.bin"
    path.write_bytes(encode_events(events_of((0, 0, 0, 0), (1, 0, 100, 0), (2, 0, 5999, 0), (3, 0, 8999, 0))))
    exact, authors = (load(root, 3, stabilise=False, edges=edges) for edges in ("exact", "authors"))
    first = torch.tensor([0])
    assert exact.train.batch(first)[0].nonzero()[:, [0, 4]].tolist() == [[0, 0], [0, 1], [1, 2], [2, 3]]
    assert authors.train.batch(first)[0].nonzero()[:, [0, 4]].tolist() == [[0, 1], [1, 2], [2, 0]]
    assert len(list((root / "made").iterdir())) == 2, "one for each part"


def test_frames_are_made_once_and_again_when_something_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    make = frame_cache._make

    def noted(recordings: list[frame_cache.Recording], cache: Path, parameters: FrameParameters) -> None:
        made.append(cache)
        make(recordings, cache, parameters)

    monkeypatch.setattr(frame_cache, "_make", noted)
    before = load(root)
    again = load(root, time_steps=100)
    assert len(made) == 2
    assert before.checksum() == again.checksum()
    other = load(root, bin_us=1000)
    assert len(made) == 4
    assert other.checksum() != before.checksum()
    path = root / "NMNIST" / "Train" / "7" / "00001.bin"
    path.write_bytes(encode_events(random_events(77, 100)))
    assert load(root).checksum() != before.checksum()
    assert len(made) == 5


def test_an_interrupted_or_failed_preparation_leaves_no_frames_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[BaseException] = [KeyboardInterrupt(), OSError(28, "No space left on device")]
    save = np.save

    def failing(path: Path, array: np.ndarray) -> None:
        if errors:
            raise errors.pop(0)
        save(path, array)

    monkeypatch.setattr(np, "save", failing)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    assert list((root / "made").iterdir()) == []
    with pytest.raises(DatasetError, match=r"cannot write frames to .*No space left on device; free some space"):
        load(root)
    assert list((root / "made").iterdir()) == []
    assert len(load(root).train) == 40


def test_frames_of_a_data_root_that_is_read_only_go_to_the_users_cache(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root.chmod(0o555)
    try:
        assert len(load(root).train) == 40
    finally:
        root.chmod(0o755)
    assert not (root / "made").exists()
    assert len(list((tmp_path / "cache" / "tssl-bp-suite" / "made").iterdir())) == 2


def test_many_recordings_are_shared_out_among_processes_with_the_same_frames(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = load(root).checksum()
    shutil.rmtree(root / "made")
    monkeypatch.setattr(frame_cache, "FILES_A_CHUNK", 7)
    monkeypatch.setattr(workers, "CHUNKS_FOR_WORKERS", 4)  # the training set has six, the test set three
    assert load(root).checksum() == alone


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            lambda tree: shutil.rmtree(tree / "Train" / "3"),
            r"Train has the folders 0, 1, 2, 4, .*; expected 0, 1, 2, 3",
        ),
        (lambda tree: (tree / "Test" / "ten").mkdir(), r"Test has the folders 0, .*, ten; expected"),
        (lambda tree: [path.unlink() for path in (tree / "Test" / "5").iterdir()], r"Test/5 has no recordings"),
        (lambda tree: (tree / "Train" / "7" / "00001.bin").write_bytes(b"abcd"), r"7/00001.bin has 4 bytes"),
        (lambda tree: (tree / "Train" / "7" / "00001.bin").write_bytes(b""), r"7/00001.bin has 0 bytes"),
    ],
)
def test_a_damaged_tree_is_refused_by_name(root: Path, damage: object, expected: str) -> None:
    damage(root / "NMNIST")  # type: ignore[operator]
    with pytest.raises(DatasetError, match=expected):
        load(root)


def test_verification_counts_and_reads_every_recording(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NMNIST, "counts", {"train": (4,) * 10, "test": (2,) * 10})
    assert NMNIST().verify(root) == []
    (root / "NMNIST" / "Train" / "7" / "00001.bin").write_bytes(b"\xff" * 10)
    (root / "NMNIST" / "Test" / "7" / "00001.bin").unlink()
    damaged, count = sorted(NMNIST().verify(root), key=len, reverse=True)
    assert "Train/7/00001.bin has a pixel 255" in damaged
    assert "Test/7 has 1 recordings, expected 2" in count
    shutil.rmtree(root / "NMNIST" / "Test")
    assert NMNIST().verify(root) == [f"{root / 'NMNIST' / 'Test'} is missing"]


@pytest.mark.parametrize("method", ["tssl_bp", "slayer", "stbp", "bptt"])
def test_spiking_methods_train_on_recordings(root: Path, method: str) -> None:
    values = {"dataset": "nmnist", "method": method, "architecture": "3C5-P2-20", "time_steps": 8, "epochs": 1}
    config = validate_run({**values, "batch_size": 20, "held_out": 10, "dataset_parameters": {"bin_us": 10_000}})
    assert config.dataset_parameters["edges"] == "exact"
    parameters = config.parameters_of_dataset()
    data = NMNIST().load(root, parameters=parameters, time_steps=8)
    (record,) = prepare(config, Execution(device="cpu"), data).epochs()
    assert record.train_loss > 0
    assert record.held_out_accuracy is not None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"bin": 3}, "dataset_parameters: unknown key 'bin'; expected one of "),
        ({"bin_us": 0}, r"dataset_parameters: bin_us is 0"),
        ({"edges": "none"}, "dataset_parameters.edges is 'none': input should be 'exact' or 'authors'"),
    ],
)
def test_parameters_of_the_frames_are_checked_before_a_run(parameters: dict[str, object], expected: str) -> None:
    values = {"dataset": "nmnist", "method": "tssl_bp", "architecture": "20", "epochs": 1}
    with pytest.raises(ConfigError, match=expected):
        validate_run({**values, "dataset_parameters": parameters})


@pytest.mark.parametrize("method", ["ann", "converted", "qcfs"])
def test_methods_for_images_say_why_they_leave_recordings_out(method: str) -> None:
    values = {"dataset": "nmnist", "method": method, "architecture": "20", "epochs": 1}
    assert "not spike trains" in str(cell_of(validate_run(values)).skip_reason)


@pytest.fixture
def mirror(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A web server on this machine in place of tonic's; its folder has both archives."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    monkeypatch.setattr(NMNIST, "counts", {"train": (4,) * 10, "test": (2,) * 10})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for part in ("train", "test"):
            archive = shutil.make_archive(str(folder / part), "zip", root / "NMNIST", part.capitalize())
            url = f"http://127.0.0.1:{server.server_port}/{part}.zip"
            monkeypatch.setattr(tonic.datasets.NMNIST, f"{part}_url", url)
            digest = hashlib.md5(Path(archive).read_bytes()).hexdigest()
            monkeypatch.setattr(tonic.datasets.NMNIST, f"{part}_md5", digest)
        yield folder
        server.shutdown()


def test_missing_recordings_are_downloaded_by_tonic(mirror: Path, root: Path, tmp_path: Path) -> None:
    del mirror
    fresh = tmp_path / "fresh"
    data = load(fresh)
    assert data.source == "tonic download"
    assert data.checksum() == load(root).checksum()
    assert sorted(path.name for path in fresh.iterdir()) == ["NMNIST", "made"]
    assert sorted(path.name for path in (fresh / "NMNIST").iterdir()) == ["Test", "Train"]
    assert load(fresh).source == "files under the data root"


def test_a_download_with_a_wrong_checksum_is_not_taken(mirror: Path, tmp_path: Path) -> None:
    (mirror / "test.zip").write_bytes(b"another file")
    fresh = tmp_path / "fresh"
    with pytest.raises(DatasetError, match=r"nmnist is not under .* could not be fetched \(tonic: .*Ways to get it"):
        load(fresh)
    assert len(NMNIST().missing(fresh)) == 2


@pytest.fixture
def images() -> ImageSplit:
    """A few digits, large enough for the camera."""
    small = get_dataset("digits").load(Path()).train
    assert isinstance(small, ImageSplit)
    pictures = torch.nn.functional.interpolate(small.images[:12].float(), (28, 28)).mul(15).to(torch.uint8)
    return ImageSplit(pictures, small.labels[:12], (0.0,), (1.0,))


def test_simulated_recordings_go_on_where_they_were_interrupted(
    images: ImageSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[int] = []
    record_chunk = nmnist_simulated.record_chunk

    def noted(chunk: tuple[torch.Tensor, list[Path], int], camera: Camera) -> None:
        if len(recorded) == 2:
            recorded.append(-1)
            raise KeyboardInterrupt
        recorded.append(chunk[2])
        record_chunk(chunk, camera)

    monkeypatch.setattr(nmnist_simulated, "IMAGES_A_CHUNK", 3)
    monkeypatch.setattr(workers, "CHUNKS_FOR_WORKERS", 100)
    monkeypatch.setattr(nmnist_simulated, "record_chunk", noted)
    with pytest.raises(KeyboardInterrupt):
        record_images(images, tmp_path, Camera(), first_seed=100)
    record_images(images, tmp_path, Camera(), first_seed=100)
    assert recorded == [100, 103, -1, 106, 109]
    files = sorted(tmp_path.rglob("*.bin"), key=lambda path: path.name)
    assert [path.name for path in files] == [f"{number:05}.bin" for number in range(1, 13)]
    assert [int(path.parent.name) for path in files] == images.labels.tolist()


def test_tonic_reads_simulated_recordings_in_their_folders(
    images: ImageSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_images(images, tmp_path / "NMNIST" / "Train", Camera(), first_seed=0)
    monkeypatch.setattr(tonic.datasets.NMNIST, "_check_exists", lambda _: True)
    data = tonic.datasets.NMNIST(str(tmp_path))
    assert sorted(data.targets) == sorted(images.labels.tolist())
    events, target = data[3]
    assert (events == read_events(Path(data.data[3]))).all()
    assert Path(data.data[3]).parent.name == str(target)


def test_recordings_of_another_camera_are_refused_and_the_source_always_says_simulated(tmp_path: Path) -> None:
    write_tree(tmp_path / nmnist_simulated.FOLDER)
    camera_file = tmp_path / nmnist_simulated.FOLDER / nmnist_simulated.CAMERA_FILE
    camera_file.write_bytes(nmnist_simulated.camera_json(Camera()))
    assert "not N-MNIST" in SimulatedNMNIST().load(tmp_path).source
    assert "simulated" in SimulatedNMNIST.title
    camera_file.write_bytes(nmnist_simulated.camera_json(Camera(threshold=0.1)))
    with pytest.raises(DatasetError, match="was simulated with another camera"):
        SimulatedNMNIST().load(tmp_path)
