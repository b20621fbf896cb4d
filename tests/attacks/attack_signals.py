"""Ctrl-C and SIGTERM at any moment of a sweep: it says how to go on, and nothing stays running."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.tracking import Runs
from benchmarks.tracking.connection import Connection
from benchmarks.tracking.upload import Uploader
from tests.attacks.conftest import Tally
from tests.attacks.processes import STUDY, SWEEP, begin, end

TRIES = 15
LONG = ["--set", "run.epochs=2000", "--set", "grid.seed=[0]"]
AT_ONCE = 25.0
"""Seconds within which a sweep has ended."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_signals_in_a_sweep(store: str, tmp_path: Path, tally: Tally, number: signal.Signals) -> None:
    (tmp_path / "tiny.toml").write_text(STUDY)
    draw = random.Random(number)
    for attempt in range(TRIES):
        runs, log = f"runs-{attempt}", tmp_path / f"{attempt}.log"
        child = begin([*SWEEP, *LONG, "--tracking-uri", store, "--runs", runs], log)
        wait_until(lambda runs=runs: bool(Runs(Path(runs)).files("tiny")) or draw.random() < 0.002)  # type: ignore[misc]
        time.sleep(draw.choice([0, draw.uniform(0, 0.05), draw.uniform(0, 1)]))
        os.kill(child, number)
        start = time.monotonic()
        code = end(child)
        tally.add(f"try {attempt}", what_is_wrong(code, 128 + number, time.monotonic() - start, log, runs, store))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


def what_is_wrong(code: int, expected: int, seconds: float, log: Path, runs: str, store: str) -> str | None:
    """Of a sweep that was sent a signal."""
    said = log.read_text()
    if code != expected or "tssl: stopped; go on with: " not in said or "Traceback" in said:
        return f"code {code}, expected {expected}: {said[-1000:]}"
    if seconds > AT_ONCE:
        return f"it took {seconds:.0f} s"
    statuses = [record.status for record in Runs(Path(runs)).records("tiny")]
    if set(statuses) - {"interrupted"}:
        return f"records are {statuses}"
    uploader = Uploader(Connection(store).client())
    experiment = uploader.find_experiment("tiny")
    found = uploader.search(experiment, "attributes.status = 'RUNNING'") if experiment else []
    return f"MLflow has {len(found)} running: {said[-500:]}" if found else None
