"""A sweep on a Ray cluster: the numbers of one process, and a lost worker costs nothing but its time."""

import importlib.util
import os
import pickle
import signal
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.cli.main import main
from benchmarks.config.execution import Execution
from benchmarks.config.run import validate_run
from benchmarks.errors import ConfigError
from benchmarks.executors.executor import CarryOut, Job, Outcome
from benchmarks.executors.ray_cluster import RayCluster, import_ray, work
from benchmarks.study.study import cell_of
from benchmarks.sweep.site import Site
from benchmarks.tracking import Runs
from benchmarks.training.checkpoints import RunCheckpoints
from tests.benchmarks.numbers import SWEEP, numbers_of, write_study

TINY = {"dataset": "digits", "method": "ann", "architecture": "12", "epochs": 1}

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install -e '.[ray]'")


@dataclass(frozen=True)
class KilledAfterAnEpoch:
    """Work whose worker is killed at the first checkpoint of the first attempt at the run with seed 0."""

    carry_out: CarryOut

    def __call__(self, job: Job) -> Outcome:
        if job.cell.config.seed == 0 and not job.lost:
            save = RunCheckpoints.save

            def save_and_die(self: RunCheckpoints, state: Any) -> None:
                save(self, state)
                os.kill(os.getpid(), signal.SIGKILL)

            RunCheckpoints.save = save_and_die  # type: ignore[method-assign]
        return self.carry_out(job)


@needs_ray
def test_a_cluster_gives_the_numbers_of_one_process_though_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    threads = torch.get_num_threads()
    addresses: set[str] = set()
    outcomes = RayCluster.outcomes

    def disturbed(self: RayCluster, carry_out: CarryOut, cells: Any) -> Any:
        for ended in outcomes(self, KilledAfterAnEpoch(carry_out), cells):
            addresses.update(node["NodeManagerAddress"] for node in import_ray().nodes())
            yield ended

    monkeypatch.setattr(RayCluster, "outcomes", disturbed)
    ray = import_ray()
    monkeypatch.setattr(ray, "init", partial(ray.init, num_cpus=2))  # the same on a machine with more cores
    sweep = [*SWEEP, "--only", "method=tssl_bp"]
    assert main([*sweep, "--runs", "cluster", "--tracking-uri", "off", "--executor", "ray"]) == 0
    assert "went on after epoch 1" in capfd.readouterr().out
    assert main([*sweep, "--runs", "here", "--tracking-uri", "off", "--threads", "1"]) == 0
    assert numbers_of(Runs(Path("cluster")).records("tiny")) == numbers_of(Runs(Path("here")).records("tiny"))
    assert addresses == {"127.0.0.1"}
    assert not any(Path("cluster").rglob("epoch-*"))
    torch.set_num_threads(threads)


def test_without_ray_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'tssl-bp-suite\[ray\]'"):
        import_ray()


def test_from_a_machine_without_the_sweeps_folder_the_record_travels_to_who_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    cell, here = cell_of(validate_run(TINY)), Runs(tmp_path / "runs")
    site = Site("tiny", "", Execution(device="cpu", checkpoints=Path("runs")), Runs())
    outcome = work(str(tmp_path / "elsewhere"), pickle.dumps(site), Job(cell))
    assert isinstance(outcome, Outcome)
    assert Path.cwd().parent == tmp_path
    assert outcome.record is not None
    for _ in range(2):
        here.adopt(outcome.record)
    (record,) = here.records("tiny")
    assert (record, record.status) == (outcome.record, "finished")
    later = replace(record, revision=record.revision + 1)
    here.adopt(later)
    here.adopt(record)
    assert here.records("tiny") == [later], "nothing older replaces it"
