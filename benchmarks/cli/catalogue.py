"""``tssl list`` and ``tssl show``: what there is, by its name."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from baselines.method import available_methods, get_method
from benchmarks.cli.main import EXIT_OK
from benchmarks.cli.parser import ListOptions, ShowOptions
from benchmarks.columns import in_columns
from benchmarks.config.nested import flatten
from benchmarks.config.run import parameters_of
from benchmarks.datasets.dataset import available_datasets
from benchmarks.defaults import PROFILES
from benchmarks.errors import ConfigError
from benchmarks.metrics.metric import column_names, metric_columns
from benchmarks.study.file import config_path, read_study, study_files
from benchmarks.study.study import load_study
from benchmarks.tracking import Record, Runs
from benchmarks.tracking.runs import read_unless_damaged

NEWEST = 8
"""So many results are shown."""


def list_command(options: ListOptions) -> int:
    """List studies, methods, datasets and metrics, or one of these."""
    for kind, entries in KINDS.items():
        if options.kind in (None, kind):
            print(f"{kind}:")
            print_columns(entries())
    print("Each by its name: tssl show NAME")
    return EXIT_OK


def show_command(options: ShowOptions) -> int:
    """Say what is known of all that has a name, and the newest results that have to do with it."""
    name, runs = options.name, Runs(options.runs)
    base = name.partition(":")[0]
    sections: list[Callable[[], None]] = []
    if name in study_files() or name.endswith(".toml"):
        sections.append(partial(show_study, name, runs))
    elif runs.files(name):
        sections.append(partial(print_newest, runs, lambda record: record.study == name))
    if base in available_methods():
        sections.append(partial(show_method, name, runs))
    if name in available_datasets():
        sections.append(partial(show_dataset, name, runs))
    if name in column_names():
        sections.append(partial(show_metric, name, runs))
    if not sections:
        raise ConfigError(f"there is nothing called {name!r}; `tssl list` names all that there is")
    for section in sections:
        section()
    return EXIT_OK


def studies() -> dict[str, str]:
    """Title of each study by name."""
    return {name: read_study(path).title for name, path in study_files().items()}


def methods() -> dict[str, str]:
    """Title of each method by name, and its presets."""
    return {
        name: "; presets ".join(filter(None, (method.title, ", ".join(method.presets))))
        for name, method in available_methods().items()
    }


def datasets() -> dict[str, str]:
    """Title of each dataset by name."""
    return {name: dataset.title for name, dataset in available_datasets().items()}


def metrics() -> dict[str, str]:
    """What each number of a run is, and its unit."""
    return {
        column.name: shortened(column.about) + f" [{column.unit}]" * bool(column.unit) for column in metric_columns()
    }


KINDS: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "studies": studies,
    "methods": methods,
    "datasets": datasets,
    "metrics": metrics,
}
"""What `tssl list` lists, and how."""


def show_study(name: str, runs: Runs) -> None:
    """Print what a study varies, how many runs it has, and its newest results."""
    study = read_study(path := config_path(name))
    print(f"study {study.name}: {study.title} ({path})")
    rows = {key: ", ".join(map(str, values)) for key, values in study.grid.items()}
    rows |= {key: str(value) for key, value in flatten(study.run)}
    for profile in PROFILES:
        cells = load_study(name, profile=profile).cells
        epochs = ", ".join(map(str, sorted({cell.config.epochs for cell in cells})))
        rows[f"--profile {profile}"] = f"{len(cells)} runs of {epochs} epochs"
    print_columns(rows)
    print(f"  tssl reproduce {name} --profile smoke")
    print_newest(runs, lambda record: record.study == study.name)


def show_method(name: str, runs: Runs) -> None:
    """Print what a method is, what can be set, its presets, and its newest results."""
    base, _, preset = name.partition(":")
    method = get_method(name)
    print(f"method {name}: {method.title}. {introduction(method)}")
    print("parameters (--set parameters.NAME=VALUE):")
    print_columns({key: repr(value) for key, value in flatten(parameters_of(name))})
    if method.presets and not preset:
        print("presets:")
        print_columns(
            {
                f"{base}:{key}": ", ".join(f"{k}={v!r}" for k, v in flatten(values))
                for key, values in method.presets.items()
            }
        )
    print_newest(runs, lambda record: name in (record.config["method"], record.config["method"].partition(":")[0]))


def show_dataset(name: str, runs: Runs) -> None:
    """Print what a dataset is like, and the newest results on it."""
    dataset = available_datasets()[name]
    shape, outputs = dataset.sizes(dataset.Parameters())
    print(f"dataset {name}: {dataset.title}. {introduction(dataset)}")
    rows = {
        "input": f"{' x '.join(map(str, shape))}, {'spike trains' if dataset.events else 'images'}",
        "output": f"{outputs} {'target spike trains' if dataset.task == 'sequences' else 'classes'}",
        "sources": ", ".join(source.name for source in dataset.sources) or "none needed",
    }
    print_columns(rows | {key: repr(value) for key, value in flatten(asdict(dataset.Parameters()))})
    print_newest(runs, lambda record: record.config["dataset"] == name)


def show_metric(name: str, runs: Runs) -> None:
    """Print what a number is, and its newest values."""
    (column,) = (column for column in metric_columns() if column.name == name)
    print(f"metric {name}" + f" [{column.unit}]" * bool(column.unit) + f": {column.about}")
    print_newest(runs, lambda record: name in record.measures, name)


def newest(runs: Runs, wanted: Callable[[Record], bool]) -> Iterator[Record]:
    """Yield the finished runs of all studies, the last one first."""
    files = [(path.stat().st_mtime, path) for study in runs.studies() for path in runs.files(study)]
    for _, path in sorted(files, reverse=True):
        record = read_unless_damaged(path)
        if record is not None and record.status == "finished" and wanted(record):
            yield record


def print_newest(runs: Runs, wanted: Callable[[Record], bool], metric: str | None = None) -> None:
    """Print the newest results in a line each, or a metric of them."""
    found = [record for record, _ in zip(newest(runs, wanted), range(NEWEST), strict=False)]
    print(f"newest results in {runs.root}:" if found else f"no results in {runs.root} yet")
    for record in found:
        names = [metric] if metric else ["accuracy_last", "accuracy_best", "exact_match"]
        values = (f"{name} {record.measures[name]:.4g}" for name in names if name in record.measures)
        ended = datetime.fromtimestamp(record.ended or record.started).strftime("%Y-%m-%d %H:%M")
        config = record.config
        what = f"{config['method']} T={config['time_steps']} seed={config['seed']}"
        where = f"{config['dataset']} {config['architecture']}, {config['epochs']} epochs"
        print(f"  {ended}  {record.study}: {what} {where}: {', '.join(values)}")


def print_columns(rows: Mapping[str, str]) -> None:
    """Print names and what is said of them, one below the other."""
    if rows:
        print(in_columns(("", *row) for row in rows.items()))


def introduction(plugin: Any) -> str:
    """First paragraph of the module of a method or a dataset."""
    text = inspect.getdoc(sys.modules[type(plugin).__module__]) or ""
    return " ".join(text.split("\n\n")[0].split())


def shortened(text: str) -> str:
    """First clause of a description."""
    return re.split(r"[.;:](?:\s|$)", text)[0]
