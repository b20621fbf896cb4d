"""A disk without room, on a file system of a few hundred kilobytes: one line that says what to do, and nothing half."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.conftest import Tally
from tests.attacks.processes import STUDY

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size="$0" none full && exec "$@"'
LOOK = "import pathlib; print(*(f'{p}\\n{p.read_text()!r}' for p in pathlib.Path('full').rglob('run.json')), sep='\\n')"


def on_small_disk(size: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command with the folder ``full`` on a file system of that size, which goes with it."""
    Path("full").mkdir(exist_ok=True)
    shell = ["unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT, size, "sh", "-c", command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(shell, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(autouse=True)
def _small_disks(empty_folder: Path) -> None:
    if shutil.which("unshare") is None or on_small_disk("16k", "true").returncode:
        pytest.skip("needs the right to mount a file system in a namespace of its own")


def test_full_disks(empty_folder: Path, tally: Tally) -> None:
    (empty_folder / "tiny.toml").write_text(STUDY)
    tssl = f"{sys.executable} -c 'from reports.cli import main; raise SystemExit(main())'"
    sweep = f"{tssl} sweep tiny.toml --profile smoke --device cpu --no-estimate"
    off, here = "--tracking-uri off", "--checkpoints off"
    assert on_small_disk("1m", f"{sweep} {off} --runs runs").returncode == 0
    attacks = {
        **{f"records, {size}": (size, f"{sweep} {off} {here} --runs full/runs") for size in ("4k", "8k", "12k", "16k")},
        **{
            f"checkpoints, {size}": (size, f"{sweep} {off} --runs r{size} --checkpoints full/c")
            for size in ("4k", "16k", "40k")
        },
        **{
            f"store, {size}": (size, f"{sweep} {here} --runs s{size} --tracking-uri sqlite:///full/mlflow.db")
            for size in ("4k", "200k", "600k")
        },
        **{
            f"report, {size}": (size, f"{tssl} report tiny --runs runs --output full/report")
            for size in ("16k", "200k")
        },
    }
    for what, (size, command) in attacks.items():
        done = on_small_disk(size, f"{command}; code=$?; {sys.executable} -c {LOOK!r}; exit $code")
        tally.add(what, what_is_wrong(what, done))


def what_is_wrong(what: str, done: subprocess.CompletedProcess[str]) -> str | None:
    """Of a command on a full disk."""
    said = done.stderr.strip()
    if "Traceback" in said or done.returncode not in (0, 2):
        return f"code {done.returncode}: {said[-1500:]}"
    if "No space left" not in said and "is full" not in said and "disk I/O error" not in said:
        return f"nothing is said of the full disk: {said[-500:]}"
    if not any(advice in said for advice in ("room", "free some space", "choose another --output")):
        return f"nothing is said of what to do: {said[-500:]}"
    for line in done.stdout.splitlines():
        if line.startswith("'{"):
            json.loads(line[1:-1].encode().decode("unicode_escape"))
    return None if what.startswith("checkpoints") or len(said.splitlines()) <= 4 else f"many lines: {said[-1500:]}"
