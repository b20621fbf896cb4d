"""A project with folders of the names that the suite's packages have: the command and its workers find the suite's."""

import subprocess
import sys
from pathlib import Path

import pytest

from tssl_bp_suite import HOME, PACKAGES

ROOT = Path(__file__).parents[1]
STUDY = """
name = "mine"
title = "Mine"
run = { dataset = "digits", architecture = "4", epochs = 1, train_samples = 40, test_samples = 20 }
grid = { method = ["ann"] }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with packages of somebody else's, and without ``__init__.py`` for one."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text("")
    for name in PACKAGES[1:]:
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('this is not the suite')")
    (tmp_path / "mine.toml").write_text(STUDY)
    return tmp_path


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": f"{project}:{ROOT}", "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_the_packages_of_the_suite_are_beside_the_module_of_its_name() -> None:
    assert HOME == ROOT
    assert all((HOME / name / "__init__.py").is_file() for name in PACKAGES)


def test_the_command_and_its_workers_find_the_suite_behind_folders_of_its_names(project: Path) -> None:
    assert "this is not the suite" in python(project, "-m", "reports.cli").stderr, "the folders do stand in the way"
    typed = ["sweep", "mine.toml", "--jobs", "2", "--device", "cpu", "--tracking-uri", "off", "--no-estimate"]
    done = python(project, "-m", "tssl_bp_suite", *typed)
    assert done.returncode == 0, done.stderr
    assert "study mine: 1 finished" in done.stdout


def test_the_installed_script_does_so_too(project: Path) -> None:
    script = project / "tssl"  # as pip writes it
    script.write_text("import sys\nfrom tssl_bp_suite import main\nif __name__ == '__main__':\n    sys.exit(main())\n")
    typed = ["sweep", "mine.toml", "--device", "cpu", "--tracking-uri", "off", "--no-estimate", "--dry-run"]
    done = python(project, str(script), *typed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(", 1 epochs  new") == 1


def test_a_script_that_imports_the_module_first_gets_the_suite(project: Path) -> None:
    assert python(project, "-c", "import tssl_bp_suite, baselines.plugins").returncode == 0


def test_a_package_that_is_imported_already_is_named(project: Path) -> None:
    (project / "baselines" / "__init__.py").write_text("")
    done = python(project, "-c", "import baselines.mine, tssl_bp_suite")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: baselines has been imported from {project / 'baselines'}")
    assert "rename that folder" in last
