"""The 40-bit format: every bit where it belongs, and damaged files refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.dataset import data_root
from benchmarks.datasets.events.recording import LAST_TIME, encode_events, read_events
from benchmarks.datasets.events.statistics import main, statistics
from benchmarks.errors import DatasetError
from tests.benchmarks.recordings import SAMPLE, events_of, random_events

EVENT = st.tuples(st.integers(0, 33), st.integers(0, 33), st.integers(0, LAST_TIME), st.integers(0, 1))


def test_an_event_is_five_bytes_worked_out_by_hand() -> None:
    # x = 3, y = 33, ON, t = 0x012345 us; x = 0, y = 1, OFF, t = 0x7fffff us.
    assert encode_events(events_of((3, 33, 0x012345, 1), (0, 1, 0x7FFFFF, 0))).hex() == "0321812345" + "00017fffff"


@given(st.lists(EVENT, min_size=1, max_size=50))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, ...]]) -> None:
    path = tmp_path_factory.mktemp("events") / "one.bin"
    events = events_of(*rows)  # type: ignore[arg-type]
    path.write_bytes(encode_events(events))
    again = read_events(path)
    assert (again == events).all()
    assert encode_events(again) == path.read_bytes()


def test_events_are_put_in_order_of_time_and_equal_times_keep_theirs() -> None:
    events = events_of((1, 0, 500, 0), (2, 0, 100, 0), (3, 0, 500, 1))
    assert events["x"].tolist() == [2, 1, 3]


@pytest.mark.parametrize("row", [(34, 0, 0, 0), (0, -1, 0, 0), (0, 0, LAST_TIME + 1, 0), (0, 0, 0, 2)])
def test_what_does_not_fit_into_its_bits_is_refused(row: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"is from .* expected 0 to"):
        encode_events(events_of(row))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda _: b"", "has 0 bytes; expected a positive multiple of 5"),
        (lambda whole: whole[:-2], "has 1,498 bytes; .* was cut"),
        (lambda whole: b"\x22" + whole[1:], "has a pixel 34, expected 0 to 33"),
        (lambda whole: whole[-5:] + whole[:-5], "has times that run backwards"),
    ],
)
def test_a_damaged_recording_is_refused_by_name(
    tmp_path: Path, damage: Callable[[bytes], bytes], expected: str
) -> None:
    path = tmp_path / "00001.bin"
    path.write_bytes(damage(encode_events(random_events(0))))
    with pytest.raises(DatasetError, match=expected) as caught:
        read_events(path)
    assert str(path) in str(caught.value)


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*none\.bin"):
        read_events(tmp_path / "none.bin")


def test_the_real_recording_is_read_and_written_byte_for_byte() -> None:
    path = data_root() / SAMPLE
    if not path.is_file():
        pytest.skip(f"needs a real recording at {path}")
    events = read_events(path)
    assert (len(events), int(events["t"][-1])) == (4325, 311_175)
    assert round(float(events["p"].mean()), 3) == 0.496
    assert len(np.unique(events[["x", "y"]])) == 452
    assert encode_events(events) == path.read_bytes()


def test_the_statistics_of_a_handful_of_events_worked_out_by_hand() -> None:
    # One pixel with ON at 1, 3 and 4 ms and OFF at 200 ms; another with a single event in the third saccade.
    events = events_of((1, 1, 1000, 1), (1, 1, 3000, 1), (1, 1, 4000, 1), (1, 1, 200_000, 0), (2, 1, 300_000, 0))
    found = statistics(events)
    assert (found["events"], found["ON events"], found["OFF events"], found["active pixels"]) == (5, 3, 2, 2)
    assert found["last event, ms"] == 300
    assert [found[f"in saccade {number}, %"] for number in (1, 2, 3)] == [60, 20, 20]
    assert found["gap of one pixel and polarity, median, ms"] == 1.5


def test_statistics_of_a_folder_are_printed_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        (tmp_path / f"{number}.bin").write_bytes(encode_events(random_events(number)))
    main([str(tmp_path), str(tmp_path / "1.bin")])
    table = capsys.readouterr().out
    assert "(n = 3)" in table
    assert "(n = 1)" in table
    assert "| events " in table
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none")])
