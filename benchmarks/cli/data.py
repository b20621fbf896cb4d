"""The ``tssl data`` commands: what datasets there are, getting them, and checking what is on disk."""

from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from benchmarks.cli.main import EXIT_OK
from benchmarks.cli.parser import DataOptions, PrepareOptions, VerifyOptions
from benchmarks.datasets.dataset import Dataset, available_datasets, data_root, get_dataset
from benchmarks.datasets.sources.source import choose

EXIT_WRONG = 1

_NOWHERE = Path("/nonexistent")
"""A root without files: what is missing there is all that a dataset consists of."""


def list_command(options: DataOptions) -> int:
    """List the datasets: size on disk, sources, and whether their files are there."""
    from tabulate import tabulate  # which training does without

    root = data_root(options.data_root)
    rows = []
    for name, dataset in available_datasets().items():
        missing = [path.name for path in dataset.missing(root)]
        state = f"missing {', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''}" if missing else "ready"
        sources = ", ".join(source.name if source.automatic else f"({source.name})" for source in dataset.sources)
        rows.append((name, dataset.title, size_in_words(parts_there(dataset, root)), sources or "-", state))
    print(f"data root: {root}")
    print(
        tabulate(
            rows, headers=("name", "title", "on disk", "sources", "state"), tablefmt="plain", disable_numparse=True
        )
    )
    print("Sources in brackets are used only if named: `tssl data prepare NAME --source SOURCE`.")
    return EXIT_OK


def parts_there(dataset: Dataset, root: Path) -> list[Path]:
    """Files and folders of a dataset that are under the root."""
    parts = [root / path.relative_to(_NOWHERE) for path in dataset.missing(_NOWHERE)]
    return [path for path in parts if path.exists()]


def size_in_words(parts: list[Path]) -> str:
    """Bytes of files and of all files in folders, or a dash if there are none."""
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*")) if file.is_file()]
    return f"{tqdm.format_sizeof(sum(file.stat().st_size for file in files), 'B')}" if files else "-"


def prepare_command(options: PrepareOptions) -> int:
    """Get what is missing of some datasets."""
    root = data_root(options.data_root)
    datasets = [get_dataset(name) for name in options.names]
    for dataset in datasets:
        choose(dataset, options.source)  # refuse all or none
    for dataset in datasets:
        there = not dataset.missing(root)
        came_from = dataset.prepare(root, options.source)
        print(f"{dataset.name}: " + ("nothing is missing" if there else f"ready, from {came_from}"))
    return EXIT_OK


def verify_command(options: VerifyOptions) -> int:
    """Check the content of datasets; without names, of those of which something is there."""
    root = data_root(options.data_root)
    named: Mapping[str, Dataset] = {name: get_dataset(name) for name in options.names}
    wrong = False
    for name, dataset in (named or available_datasets()).items():
        if not named and dataset.missing(root) and not parts_there(dataset, root):
            print(f"{name}: not there")
            continue
        problems = dataset.verify(root)
        wrong |= bool(problems)
        for line in problems or ["right"]:
            print(f"{name}: {line}")
    if wrong:
        print("To replace a file, move it away and run `tssl data prepare NAME`.")
    return EXIT_WRONG if wrong else EXIT_OK
