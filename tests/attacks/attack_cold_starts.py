"""Four sweeps started together on a store that is not there."""

from pathlib import Path

import pytest

from benchmarks.tracking import Runs, records_in_mlflow
from tests.attacks.conftest import Tally
from tests.attacks.processes import STUDY, SWEEP, begin, end

COLD_STARTS, SWEEPS = 8, 4


def test_cold_starts_of_four_sweeps(empty_folder: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(COLD_STARTS):
        folder = empty_folder / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        Path("tiny.toml").write_text(STUDY)
        # Half of them share their runs, and all the store.
        children = [begin([*SWEEP, "--runs", f"runs-{n % 2}"], Path(f"{n}.log")) for n in range(SWEEPS)]
        tally.add(f"cold start {number}", what_is_wrong([end(child) for child in children]))


def what_is_wrong(codes: list[int]) -> str | None:
    """Of the working folder, after sweeps that ended with these codes."""
    said = "".join(path.read_text() for path in sorted(Path().glob("*.log")))
    if set(codes) - {0, 1} or "Traceback" in said:  # 1: a run was left to another sweep
        return f"codes {codes}: {said[-1000:]}"
    records = [record for number in (0, 1) for record in Runs(Path(f"runs-{number}")).records("tiny")]
    if [record.status for record in records] != ["finished"] * 4:
        return f"statuses {[record.status for record in records]}"
    found = sorted(record.record_id for record in records_in_mlflow("sqlite:///mlflow.db", "tiny"))
    if found != sorted(record.record_id for record in records):
        return f"MLflow has {len(found)} of {len(records)} records: {said[-1000:]}"
    return None
