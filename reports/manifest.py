"""The list of a report's tables, ``tables.json``: rows and SHA-256 of each, by which a cut or changed file is known."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmarks.platform.atomic import write_atomically

MANIFEST_FILE = "tables.json"


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables as CSV files, each whole, and the list of them last.

    Parameters
    ----------
    folder : Path
        Of a report.
    tables : mapping
        By the names of their files.
    """
    listed = {}
    for name, table in tables.items():
        content = table.to_csv(index=False, lineterminator="\n").encode()
        write_atomically(folder / name, content, durable=False)
        listed[name] = {"rows": len(table), "sha256": hashlib.sha256(content).hexdigest()}
    write_atomically(folder / MANIFEST_FILE, f"{json.dumps(listed, indent=2)}\n".encode(), durable=False)


def problems_of_tables(folder: Path) -> list[str]:
    """What is wrong with the tables of a report, a sentence a file; nothing is known of one that has no list."""
    path = folder / MANIFEST_FILE
    if not path.exists():
        return []
    try:
        listed = {name: (facts["rows"], facts["sha256"]) for name, facts in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{path} is damaged ({error})"]
    return [text for name, (rows, known) in listed.items() if (text := _problem(folder / Path(name).name, rows, known))]


def _problem(path: Path, rows: int, known: str) -> str | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}) and is listed with {rows} rows"
    if hashlib.sha256(content).hexdigest() == known:
        return None
    return f"{path} is not the file that was written with {rows} rows: it was cut or changed"
