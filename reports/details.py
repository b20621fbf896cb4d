"""Tidy tables of what is known of single layers, classes and spikes of a run, from its files or from CSV."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from benchmarks.metrics.counting.spikes import LayerActivity

Rows: TypeAlias = Callable[[Mapping[str, Any]], Iterator[tuple[Any, ...]]]
"""Makes the rows of one run, without its key, of `RunResult`."""


class Detail(NamedTuple):
    """A table with several rows a run.

    Parameters
    ----------
    columns : tuple of str
        After ``run_key``.
    rows : callable
        Makes them.
    """

    columns: tuple[str, ...]
    rows: Rows

    @property
    def names(self) -> list[str]:
        """All columns."""
        return ["run_key", *self.columns]


def _layers(content: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for layer in content.get("layers", ()):
        yield layer["name"], *(layer[name] for name in LAYER_COLUMNS)


def _histogram(content: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for layer in content.get("layers", ()):
        for spikes, pairs in enumerate(layer["spike_counts"]):
            yield layer["name"], layer["hidden"], spikes, pairs


def _confusion(content: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for label, counts in enumerate(content.get("confusion", ())):
        for predicted, count in enumerate(counts):
            if count:
                yield label, predicted, count


def _raster(content: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    raster = content.get("raster", {"layers": ()})
    for layer in raster["layers"]:
        of_sample = raster["sample"], raster["label"], raster["decision"], layer["name"], layer["neurons"]
        for place, (neuron, spikes) in enumerate(zip(layer["shown"], layer["spikes"], strict=True)):
            # Silent neurons can be told from the size of the layer; the first one says that the layer is there.
            if place == 0 or "1" in spikes:
                yield *of_sample, neuron, spikes


def _output_rasters(content: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    shown = content.get("output_rasters", ())
    # The targets do not change: they are listed once, with epoch 0.
    trains = [(0, "target", raster) for raster in shown if raster["epoch"] == shown[0]["epoch"]]
    trains += [(raster["epoch"], "output", raster) for raster in shown]
    for epoch, kind, raster in trains:
        for neuron, spikes in enumerate(raster[kind]):
            for step, spike in enumerate(spikes):
                if spike == "1":
                    yield raster["sample"], epoch, kind, neuron, step


LAYER_COLUMNS = tuple(field.name for field in fields(LayerActivity) if field.name not in ("name", "spike_counts"))

DETAILS = {
    "layers": Detail(("layer", *LAYER_COLUMNS), _layers),
    "histogram": Detail(("layer", "hidden", "spikes", "pairs"), _histogram),
    "confusion": Detail(("label", "predicted", "count"), _confusion),
    "output_rasters": Detail(("sample", "epoch", "kind", "neuron", "step"), _output_rasters),
    "raster": Detail(("sample", "label", "decision", "layer", "neurons", "neuron", "spikes"), _raster),
}
"""Each is an attribute of `Results` and a CSV file of that name.

``layers`` has a row a spiking layer, ``histogram`` one a layer and number of spikes (`LayerActivity.spike_counts`),
``confusion`` one a true and a predicted class with samples, ``raster`` one a neuron that spiked for the first test
sample, with a 0 or 1 a time step, in the runs of the lowest seed (`Raster`). ``output_rasters`` has a row a spike of
an output after some of the epochs, or of its target (epoch 0), in the same runs; time steps count from 0.
"""

OF_LOWEST_SEED = ("output_rasters", "raster")
"""Tables that are pictures, and large."""

TEXT = ("run_key", "layer", "spikes")


def empty(name: str) -> pd.DataFrame:
    """Return the table without rows."""
    return pd.DataFrame(columns=DETAILS[name].names)


def column_types(name: str) -> Mapping[str, type]:
    """Columns of a CSV file that are text, whatever they look like."""
    return {column: str for column in TEXT if column != "spikes" or name == "raster"}


def problem_of_rasters(name: str, table: pd.DataFrame) -> str | None:
    """Say what is wrong with the spikes of the table `raster`: those of a cut file are missing or too short."""
    if name != "raster":
        return None
    spikes = table["spikes"].fillna("")
    whole = spikes.str.fullmatch("[01]+") & (spikes.str.len().groupby(table["run_key"]).transform("nunique") == 1)
    if whole.all():
        return None
    row = int((~whole).to_numpy().argmax())
    return f"has the spikes {spikes.iloc[row]!r} in row {row + 1}; expected a 0 or 1 for each time step of the run"


def details_of(contents: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, pd.DataFrame]:
    """Make all tables of the keys of runs and their `RunResult`; of a run that comes again, the later counts."""
    latest = {key: content for key, content in contents if content}
    return {
        name: pd.DataFrame(
            [(key, *row) for key, content in latest.items() for row in detail.rows(content)], columns=detail.names
        )
        for name, detail in DETAILS.items()
    }


def details_that_count(details: Mapping[str, pd.DataFrame], runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Keep the rows of finished runs, sorted by run; rasters only of the lowest seed of each cell.

    Parameters
    ----------
    details : mapping
        Tables by their names; those that are missing are taken as empty.
    runs : DataFrame
        The runs that count, with ``run_key``, ``cell_key``, ``seed`` and ``status``.
    """
    finished = runs[runs["status"] == "finished"]
    first = finished.sort_values(["seed", "run_key"], kind="stable").drop_duplicates("cell_key")
    tables = {}
    for name in DETAILS:
        table = details.get(name, empty(name))
        table = table[table["run_key"].isin((first if name in OF_LOWEST_SEED else finished)["run_key"])]
        tables[name] = table[DETAILS[name].names].sort_values("run_key", kind="stable").reset_index(drop=True)
    return tables
