"""How fast the kernels are, from the JSON that ``nox -s bench`` writes."""

import ast
import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd

from reports.load import KERNEL_COLUMNS, ReportError

COMMAND = "nox -s bench"
GROWTH, SHAPES = "growth with T", "neuron"
"""Works of `benchmarks.micro.test_neuron`."""

WHAT = {
    "kernels": ("forward", "backward"),
    "memory": ("copy", "add"),
    "reference": ("reference forward", "reference backward"),
}
"""Which times are added: both passes of the kernels, moving the same bytes, and both passes in plain PyTorch."""


def kernel_times(path: Path) -> pd.DataFrame:
    """Read the times of the kernels from pytest-benchmark's JSON.

    Returns
    -------
    DataFrame
        A row a measurement: ``what`` (kernels, memory, reference), ``time_steps``, ``neurons`` (times samples),
        ``milliseconds``, ``threads``, ``processor``.

    Raises
    ------
    ReportError
        If the file cannot be read, or holds no times of kernels.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for entry in content["benchmarks"] for row in _rows(entry["extra_info"])]
        processor = content["machine_info"]["cpu"].get("brand_raw", "unknown processor")
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise ReportError(f"cannot read {path} as pytest-benchmark's JSON ({error!r}); make it by {COMMAND}") from error
    if not rows:
        raise ReportError(f"{path} holds no times of kernels; make it by {COMMAND}")
    return pd.DataFrame([(*row, processor) for row in rows], columns=KERNEL_COLUMNS)


def _rows(entry: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    if entry.get("work") not in (GROWTH, SHAPES):
        return
    steps, neurons = _size(entry["label"])
    for what, names in WHAT.items():
        if all(name in entry["milliseconds"] for name in names):
            yield what, steps, neurons, sum(entry["milliseconds"][name] for name in names), entry["threads"]


def _size(label: str) -> tuple[int, int]:
    """Time steps and neurons of ``T = 5, 100,000`` or ``[5, 50, 32, 28, 28]``."""
    if label.startswith("["):
        steps, *shape = ast.literal_eval(label)
        return int(steps), prod(shape)
    steps, _, neurons = label.removeprefix("T = ").partition(", ")
    return int(steps), int(neurons.replace(",", ""))
