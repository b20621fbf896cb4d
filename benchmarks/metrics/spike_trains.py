"""How near outputs come to their target spike trains, and how soon; `counting.spike_trains` has the distances."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import accumulate
from math import ceil
from typing import Any, ClassVar

from baselines.method import Model
from benchmarks.metrics.metric import Column, FinishedTraining, Metric
from benchmarks.results import Evaluation

_HITS = (
    "output spikes that are hits over all {of} spikes, of all pairs together. As many spikes as possible are paired "
    "with a target spike, one to one and at most `tolerance` (1) time steps apart. Missing where there is no spike "
    "to divide by"
)


class SpikeTrains(Metric):
    """Of tasks with target spike trains only."""

    name = "spike_trains"
    columns = (
        Column(
            name="exact_match",
            unit="fraction",
            about="target spike trains only, as all rows to `patterns`: fraction of test samples of which every "
            "output train is its target, spike by spike, after the last epoch",
        ),
        Column(
            name="exact_trains",
            unit="fraction",
            about="fraction of pairs of a test sample and an output neuron of which the train is its target",
        ),
        Column(
            name="van_rossum",
            about="mean over these pairs of the van Rossum distance of output and target, exactly as below",
        ),
        Column(name="count_error", about="mean over the pairs of how many spikes an output has too many or too few"),
        Column(
            name="victor_purpura",
            about="mean over these pairs of the least cost of turning one train into the other (Victor & Purpura "
            "1996): 1 to add or remove a spike, `victor_purpura_cost` (0.25) to move one by a time step",
        ),
        Column(name="spike_precision", unit="fraction", about=_HITS.format(of="output")),
        Column(name="spike_recall", unit="fraction", about=_HITS.format(of="target")),
        Column(
            name="exact_match_best",
            unit="fraction",
            about="highest `exact_match` after any epoch; it chooses by the test set",
        ),
        Column(name="steps", about="steps of the optimiser in the whole run"),
        Column(
            name="steps_to_exact",
            about="steps of the optimiser until the end of the first epoch with an `exact_match` of 1; missing if "
            "there is none",
        ),
        Column(
            name="seconds_to_exact",
            unit="s",
            varies=True,
            about="wall time of the training until then",
        ),
        Column(name="patterns", about="outputs that were to be learnt: classes, or else training samples"),
    )
    tables: ClassVar[Mapping[str, str]] = {
        "output_rasters": "output and target trains of the first two test samples after 12 epochs, equally far apart "
        "on a logarithmic scale, a 0 or 1 a time step",
    }

    def measure_epoch(self, model: Model, evaluation: Evaluation) -> Mapping[str, float]:
        """What the task has found."""
        del model
        own = {column.name for column in self.columns}
        return {name: value for name, value in evaluation.measures.items() if name in own}

    def measure(self, run: FinishedTraining) -> Mapping[str, float | None]:
        """Of the final model, and how soon, if ever, every output was its target."""
        if not run.config.network_spec().sequences:
            return {}
        data, matches = run.data, [epoch.measures["exact_match"] for epoch in run.history]
        steps_per_epoch = data.passes * ceil(len(data.train) / run.config.batch_size)
        values = {
            **run.evaluation.measures,
            "exact_match_best": max(matches),
            "steps": steps_per_epoch * len(matches),
            "patterns": len(data.train) if data.target_of_class is None else data.target_of_class.shape[1],
        }
        if 1.0 in matches:
            first = matches.index(1.0)
            seconds = list(accumulate(epoch.train_seconds for epoch in run.history))
            values |= {"steps_to_exact": steps_per_epoch * (first + 1), "seconds_to_exact": seconds[first]}
        return values

    def tables_of(self, run: FinishedTraining) -> Mapping[str, Any]:
        """Pictures of some outputs."""
        return {
            "output_rasters": [
                {"epoch": epoch.epoch, **asdict(raster)} for epoch in run.history for raster in epoch.rasters
            ]
        }
