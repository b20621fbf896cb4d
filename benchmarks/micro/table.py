"""Markdown of what pytest-benchmark wrote: ``python -m benchmarks.micro.table bench.json``, a table for each work."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.errors import ConfigError

COMMAND = "nox -s bench"


def markdown_of(path: Path) -> str:
    """Return the tables of a benchmark's JSON, after the machine and the versions that it was measured with.

    Raises
    ------
    ConfigError
        If the file cannot be read, or holds nothing that `benchmarks.micro.timing.record` has kept.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = [entry["extra_info"] for entry in content["benchmarks"] if "work" in entry["extra_info"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"cannot read {path} as pytest-benchmark's JSON ({error!r}); make it by {COMMAND}") from error
    if not entries:
        raise ConfigError(f"{path} holds no measurement of this suite; make it by {COMMAND}")
    works = dict.fromkeys(entry["work"] for entry in entries)
    tables = [f"## {work}\n\n{_table([entry for entry in entries if entry['work'] == work])}" for work in works]
    return "\n\n".join(["# Benchmarks", _provenance(content, entries), *tables]) + "\n"


def _provenance(content: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    suite = content.get("suite", {})
    processor = content["machine_info"]["cpu"].get("brand_raw", "unknown processor")
    threads = " or ".join(str(count) for count in sorted({entry["threads"] for entry in entries}))
    versions = {name: version for entry in entries for name, version in entry.get("versions", {}).items()}
    libraries = ", ".join(f"{name} {version}" for name, version in sorted((suite | versions).items()))
    missing = "; ".join(dict.fromkeys(reason for entry in entries for reason in entry.get("missing", {}).values()))
    absent = f" Not measured: {missing}." if missing else ""
    gpus = "".join(f", {name}" for name in sorted({entry["gpu"] for entry in entries if "gpu" in entry}))
    return (
        f"Made by `{COMMAND}` on {content['datetime'][:10]}: {processor}{gpus}, {content['machine_info']['system']}, "
        f"{threads} threads, Python {content['machine_info']['python_version']}, {libraries}.{absent}\n\n"
        "Times are medians in milliseconds; what stands in one row was timed in turn, in one process. Compare within "
        "a row: from row to row, and still more from run to run, a shared machine changes its speed."
    )


def _table(entries: list[dict[str, Any]]) -> str:
    rows = [
        {"": entry["label"], **_formatted(entry["milliseconds"]), **_formatted(entry["ratio"])} for entry in entries
    ]
    return str(pd.DataFrame(rows).fillna("-").to_markdown(index=False, disable_numparse=True))


def _formatted(values: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.3g}" if value < 100 else f"{value:,.0f}" for name, value in values.items()}


def main() -> None:
    """Print the tables of the file named on the command line."""
    parser = argparse.ArgumentParser(description="Write the tables of a benchmark's JSON as Markdown.")
    parser.add_argument("json", type=Path)
    print(markdown_of(parser.parse_args().json), end="")


if __name__ == "__main__":
    main()
