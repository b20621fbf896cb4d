"""What pytest-benchmark's JSON says of this suite besides the times."""

from contextlib import suppress
from importlib import metadata
from typing import Any

import torch


def pytest_benchmark_update_json(config: object, benchmarks: object, output_json: dict[str, Any]) -> None:
    """Add versions, and leave out what names the machine's owner or repeats the medians."""
    del config, benchmarks
    output_json["suite"] = {"torch": torch.__version__}
    with suppress(metadata.PackageNotFoundError):  # a checkout that nobody has installed
        output_json["suite"]["tssl-bp-suite"] = metadata.version("tssl-bp-suite")
    output_json["machine_info"].pop("node", None)
    for entry in output_json["benchmarks"]:
        entry.pop("stats", None)
