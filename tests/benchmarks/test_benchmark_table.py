"""The table of the benchmarks, from made JSON; and the committed one from the committed JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import ConfigError
from benchmarks.micro.table import markdown_of

DOCS = Path(__file__).parents[2] / "docs"


def entry(work: str, label: str, **milliseconds: float) -> dict[str, Any]:
    return {
        "name": "x",
        "extra_info": {
            "work": work,
            "label": label,
            "milliseconds": milliseconds,
            "ratio": {"b / a": 2.5},
            "threads": 2,
        },
    }


def write(path: Path, *entries: dict[str, Any]) -> Path:
    machine = {"cpu": {"brand_raw": "A Processor"}, "system": "Linux", "python_version": "3.11.7"}
    content = {"machine_info": machine, "datetime": "2026-01-02T03:04:05", "benchmarks": list(entries)}
    path.write_text(json.dumps(content | {"suite": {"torch": "9.9"}}))
    return path


def test_each_work_has_a_table_with_its_own_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "bench.json",
        entry("layers", "small", a=0.12345, b=1234.5),
        entry("steps", "net", c=7),
        entry("layers", "large", a=33.33),
    )
    text = markdown_of(path)
    layers, steps = text.split("## ")[1:]
    assert layers.startswith("layers")
    small = next(line for line in layers.splitlines() if line.startswith("| small"))
    assert [cell.strip() for cell in small.split("|")[1:-1]] == ["small", "0.123", "1,234", "2.5"]
    assert "| large | 33.3  | -" in layers
    assert "| net | 7 " in steps
    assert "A Processor" in text
    assert "2 threads" in text
    assert "torch 9.9" in text
    assert "2026-01-02" in text


def test_a_library_that_was_not_there_is_named_with_the_reason(tmp_path: Path) -> None:
    row = entry("layers", "small", a=1)
    row["extra_info"] |= {"missing": {"norse": "norse is not installed"}, "versions": {"snntorch": "1.0"}}
    text = markdown_of(write(tmp_path / "bench.json", row))
    assert "Not measured: norse is not installed." in text
    assert "snntorch 1.0" in text


@pytest.mark.parametrize("content", [None, "no JSON", "{}", '{"benchmarks": []}', '{"benchmarks": [{"name": "x"}]}'])
def test_a_file_without_measurements_is_an_error_that_says_how_to_make_one(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "bench.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="make it by nox -s bench"):
        markdown_of(path)


@pytest.mark.parametrize("name", ["benchmarks", "benchmarks_gpu"])
def test_a_committed_table_is_made_from_the_committed_measurements(name: str) -> None:
    made = markdown_of(DOCS / f"{name}.json")
    assert (DOCS / f"{name}.md").read_text() == made, "make it again by python -m benchmarks.micro.table"


def test_the_gpu_that_was_measured_is_named(tmp_path: Path) -> None:
    measured = entry("steps", "net", a=1)
    measured["extra_info"]["gpu"] = "A Graphics Card"
    assert "A Processor, A Graphics Card, Linux" in markdown_of(write(tmp_path / "bench.json", measured))
