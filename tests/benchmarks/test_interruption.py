"""SIGTERM as an exception."""

import signal
import sys
import time
from collections.abc import Iterator

import pytest

from benchmarks.platform.interruption import Terminated, TimeLimitError, termination_raises, time_limit


class EndsByASignal:
    """What it raises as it is destroyed, Python swallows."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


class EndsBadly:
    def __del__(self) -> None:
        raise ValueError("in a destructor")


def work_on_after(signals: list[EndsByASignal]) -> None:
    """Work for longer than the test is to take, unless something is raised."""
    while signals:
        signals.pop()
    time.sleep(10)


@pytest.mark.parametrize("times", [1, 3])
def test_a_termination_that_destructors_swallow_is_raised_after_the_last(times: int) -> None:
    signals = [EndsByASignal() for _ in range(times)]
    with pytest.raises(Terminated), termination_raises(again=signal.SIG_IGN):
        work_on_after(signals)
    assert signals == []


@pytest.fixture
def _heeding_ctrl_c() -> Iterator[None]:
    """A shell's background jobs inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeding_ctrl_c")
@pytest.mark.parametrize("times", [1, 3])
def test_a_ctrl_c_that_destructors_swallow_is_raised_after_the_last(times: int) -> None:
    signals = [EndsByASignal(signal.SIGINT) for _ in range(times)]
    with pytest.raises(KeyboardInterrupt), termination_raises():
        work_on_after(signals)
    assert signals == []


@pytest.mark.usefixtures("_heeding_ctrl_c")
def test_a_ctrl_c_that_was_swallowed_at_the_very_end_does_not_come_afterwards() -> None:
    with termination_raises():
        EndsByASignal(signal.SIGINT)
    time.sleep(0.1)


def test_a_second_signal_is_left_to_what_it_is_to_do_though_the_first_was_swallowed() -> None:
    """So that the closing of a run, which the first one began, is not cut short."""
    with termination_raises(again=signal.SIG_IGN):
        with pytest.raises(Terminated):
            work_on_after([EndsByASignal()])
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.05)


def test_other_exceptions_of_destructors_go_where_they_went_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException] | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    before = sys.unraisablehook
    with termination_raises():
        EndsBadly()
    assert seen == [ValueError]
    assert sys.unraisablehook is before


def test_what_takes_too_long_is_stopped_and_what_does_not_is_left_alone() -> None:
    begin = time.monotonic()
    with pytest.raises(TimeLimitError), time_limit(0.1):
        time.sleep(10)
    assert time.monotonic() - begin < 5
    with termination_raises():
        with time_limit(0.1):
            pass
        time.sleep(0.2)


def test_within_a_time_limit_a_termination_is_one() -> None:
    with pytest.raises(Terminated), time_limit(60):
        signal.raise_signal(signal.SIGTERM)
