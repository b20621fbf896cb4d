"""The table of docs/protocol.md defines every number, in the file that it names."""

import re
from pathlib import Path

import pytest

from benchmarks.results import METRIC_COLUMNS

ROOT = Path(__file__).parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8").split("## What is measured")[1].splitlines()
    if line.startswith("| `")
]
DEFINED = {name: row for row in ROWS for name in re.findall(r"`([^`]+)`", row[0]) if len(row) == 3}


@pytest.mark.parametrize("name", METRIC_COLUMNS)
def test_the_protocol_defines_every_metric_and_names_its_code(name: str) -> None:
    assert name in DEFINED, f"docs/protocol.md has no row of {name}"
    _, definition, code = DEFINED[name]
    assert len(definition) > 10
    assert (ROOT / code.strip("`")).is_file()
