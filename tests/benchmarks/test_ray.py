"""A sweep on a Ray cluster: the numbers of one process, and a lost worker costs nothing but its time."""

import importlib.util
import os
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cli import main
from benchmarks.executors.executor import CarryOut, Outcome, Task
from benchmarks.executors.ray_cluster import RayCluster
from benchmarks.file_tracking import JsonTracker
from tests.benchmarks.numbers import SWEEP, numbers_of, write_study

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install -e '.[ray]'")


@dataclass(frozen=True)
class KilledAfterAnEpoch:
    """Work whose worker is killed at the first checkpoint of the first attempt at the run with seed 0."""

    carry_out: CarryOut

    def __call__(self, task: Task) -> Outcome:
        if task.cell.config.seed == 0 and not task.lost:
            from benchmarks.checkpoints import RunCheckpoints

            save = RunCheckpoints.save

            def save_and_die(self: RunCheckpoints, state: Any) -> None:
                save(self, state)
                os.kill(os.getpid(), signal.SIGKILL)

            RunCheckpoints.save = save_and_die  # type: ignore[method-assign]
        return self.carry_out(task)


@needs_ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_a_cluster_gives_the_numbers_of_one_process_though_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    outcomes = RayCluster.outcomes

    def disturbed(self: RayCluster, carry_out: CarryOut, cells: Any) -> Any:
        two_cores = replace(self, cpus=2)
        yield from outcomes(two_cores, KilledAfterAnEpoch(carry_out), cells)
        print(subprocess.run(["ss", "-ltnp"], capture_output=True, text=True).stdout)

    monkeypatch.setattr(RayCluster, "outcomes", disturbed)
    assert main([*SWEEP, "--tracking-uri", "json:cluster", "--executor", "ray"]) == 0
    assert "went on after epoch 1" in capfd.readouterr().out
    assert main([*SWEEP, "--tracking-uri", "json:here", "--threads", "1"]) == 0
    assert numbers_of(JsonTracker(Path("cluster"))) == numbers_of(JsonTracker(Path("here")))
    assert not any(path.is_file() for path in Path("checkpoints").rglob("*"))
