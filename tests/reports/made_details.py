"""Layers, spikes and decisions that were made up, for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from benchmarks.metrics.counting.spikes import LayerActivity
from benchmarks.metrics.raster import MOST_NEURONS, LayerRaster, Raster
from reports.details import details_of, details_that_count
from reports.load import Results

SIZES = {"layer1": 1024, "layer3": 128, "output": 10}
CONFUSION = ((8, 2, 0), (0, 10, 0), (1, 0, 9))


def layer(name: str, time_steps: int, neurons: int, silent: float = 0.75) -> dict[str, Any]:
    pairs = 100 * neurons
    counts = [round(silent * pairs), *[round((1 - silent) * pairs / time_steps)] * time_steps]
    numbers = {"silent_fraction": silent, "never_fraction": 0.1, "firing_rate": 0.2, "spikes_per_sample": 3.0}
    made = LayerActivity(
        name=name, hidden=name != "output", neurons=neurons, spike_counts=tuple(counts[:101]), **numbers
    )
    return asdict(made)


def raster(time_steps: int, sizes: Mapping[str, int]) -> dict[str, Any]:
    layers = []
    for name, neurons in sizes.items():
        rows = min(neurons, MOST_NEURONS)
        shown = tuple(round(place * (neurons - 1) / max(rows - 1, 1)) for place in range(rows))
        spikes = tuple("".join(str(int((place + step) % 4 == 3)) for step in range(time_steps)) for place in shown)
        layers.append(LayerRaster(name=name, neurons=neurons, shown=shown, spikes=spikes))
    return asdict(Raster(sample=0, label=7, decision=1, layers=tuple(layers)))


def content(
    time_steps: int, sizes: Mapping[str, int] = SIZES, confusion: Sequence[Sequence[int]] = CONFUSION
) -> dict[str, Any]:
    """What a run with spikes leaves behind beside its numbers."""
    layers = [layer(name, time_steps, neurons) for name, neurons in sizes.items() if name != "input"]
    return {"layers": layers, "raster": raster(time_steps, sizes), "confusion": confusion}


def with_details(results: Results, contents: Mapping[str, Mapping[str, Any]] | None = None, **made: Any) -> Results:
    """Give the finished runs details: those of their keys, else made ones; those without spikes have decisions only."""
    rows = zip(results.finished["run_key"], results.finished["method"], results.finished["time_steps"], strict=True)
    all_contents = {}
    for key, method, steps in rows:
        of_run = dict(content(int(steps), **made) if contents is None else contents.get(key, {}))
        all_contents[key] = {"confusion": of_run["confusion"]} if method == "ann" and of_run else of_run
    tables: dict[str, Any] = {**details_that_count(details_of(all_contents.items()), results.runs)}
    return replace(results, **tables)
