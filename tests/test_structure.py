"""Dependencies point one way, and the core needs nothing but torch."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAIN = ("tssl_core", "baselines", "benchmarks", "reports")


def imports_of(package: str) -> dict[str, set[str]]:
    """Top-level names that each file of a package imports."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / package).rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
        found[str(path.relative_to(ROOT))] = names
    return found


@pytest.mark.parametrize("package", CHAIN)
def test_dependencies_point_one_way(package: str) -> None:
    later = set(CHAIN[CHAIN.index(package) + 1 :])
    assert {file: names & later for file, names in imports_of(package).items() if names & later} == {}


def test_the_core_imports_torch_and_the_standard_library_only() -> None:
    allowed = {"torch", "triton", "tssl_core", *sys.stdlib_module_names}
    assert {file: names - allowed for file, names in imports_of("tssl_core").items() if names - allowed} == {}


def test_only_tracking_imports_mlflow() -> None:
    users = [file for package in CHAIN for file, names in imports_of(package).items() if "mlflow" in names]
    assert users
    assert [file for file in users if not file.startswith("benchmarks/tracking/")] == []


def test_who_cites_the_suite_cites_its_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE) == [
        version
    ]
