"""The structure of the packages: no circle of imports, and docs/architecture.md names what is there."""

import ast
import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("tssl_core", "baselines", "benchmarks", "reports")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STATIONS = re.findall(r"^\d+\. `([\w/]+\.py)`: `(\w+)`", PAGE, re.MULTILINE)


def imports_of(path: Path) -> Iterable[str]:
    """Modules of the project that are imported when this one is."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names if alias.name in MODULES)
        elif isinstance(statement, ast.ImportFrom) and statement.module in MODULES:
            for alias in statement.names:
                whole = f"{statement.module}.{alias.name}"
                yield whole if whole in MODULES else statement.module


def package_of(module: str) -> str:
    return ".".join(module.split(".")[: 2 if module.startswith("benchmarks") else 1])


def in_order(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"imports go in a circle: {' -> '.join(error.args[1])}")


def test_neither_modules_nor_packages_import_each_other_in_a_circle() -> None:
    modules = {name: set(imports_of(path)) - {name} for name, path in MODULES.items()}
    in_order(modules)
    packages: dict[str, set[str]] = {}
    for name, imported in modules.items():
        packages.setdefault(package_of(name), set()).update(map(package_of, imported))
    in_order({name: imported - {name} for name, imported in packages.items()})


def test_the_root_of_benchmarks_has_few_modules() -> None:
    assert len(list((ROOT / "benchmarks").glob("*.py"))) <= 8


def test_the_way_to_a_row_of_the_report_has_at_most_twelve_stations() -> None:
    assert 5 < len(STATIONS) <= 12


@pytest.mark.parametrize(("file", "name"), STATIONS)
def test_a_station_is_where_the_page_says(file: str, name: str) -> None:
    assert re.search(rf"^(def|class) {name}\b", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tssl_core|baselines|benchmarks|reports)/[\w/.]*)`", PAGE)))
)
def test_a_path_on_the_page_is_there(path: str) -> None:
    assert (ROOT / path).exists()
