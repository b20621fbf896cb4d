"""The run that stands for a method of a study: its numbers over T, as MLflow draws them, a line a method.

MLflow draws a metric over its step. In the run of a method the step of a number is T, and so accuracy over T is the
chart that its page of charts shows first.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING

from baselines.method import is_spiking, method_title
from benchmarks.config.nested import differing_keys, flatten
from benchmarks.tracking.cells import KIND, KIND_METHOD, NOTE
from benchmarks.tracking.record import Record

if TYPE_CHECKING:
    from benchmarks.tracking.upload import Uploader

OVER_T = {"accuracy_last": "accuracy_over_T", "silent_fraction": "silent_over_T", "energy_nj": "energy_nj_over_T"}
"""Numbers of runs, and what their means over seeds are called in the run of a method."""

COMMON = ("dataset", "architecture", "method", "protocol", "epochs")
"""Keys of a configuration that the runs of one method have in common."""

VARIED = ("time_steps", "seed")
"""Keys in which the runs of one curve differ."""

CONTENT = "content"
"""Tag with a hash of all that the run of a method says."""

Curve = Mapping[tuple[str, int], float]
"""Means over seeds by name and T."""


def log_methods(uploader: "Uploader", study: str, records: Sequence[Record]) -> None:
    """Make the runs of all methods of a study, in place of those that say something else."""
    experiment = uploader.experiment(study)
    wanted = {name: curve_of(group) for name, group in methods_of(records).items()}
    texts = {name: repr(sorted(curve.items())) for name, curve in wanted.items()}
    contents = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    for run in uploader.search(experiment, f"tags.{KIND} = '{KIND_METHOD}'"):
        name = run.info.run_name
        # One that was broken off has no content, and two machines may have made the same one.
        if name in wanted and contents[name] == run.data.tags.get(CONTENT):
            del wanted[name]
        else:
            uploader.client.delete_run(run.info.run_id)
    for name, curve in wanted.items():
        title = method_title(str(name.partition(" ")[0]))
        about = f"**{title}**: means over seeds; the step of each number is T, the number of time steps"
        tags = {KIND: KIND_METHOD, "study": study, NOTE: about}
        run_id = uploader.client.create_run(experiment, run_name=name, tags=tags).info.run_id
        uploader.log(run_id, [(metric, value, time.time(), steps) for (metric, steps), value in curve.items()])
        uploader.client.set_tag(run_id, CONTENT, contents[name])
        uploader.client.set_terminated(run_id)


def methods_of(records: Iterable[Record]) -> Mapping[str, list[Record]]:
    """Finished runs by the name of their method, and of what else tells them apart beside T and seed."""
    groups: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "finished" and "accuracy_last" in record.measures:
            groups[" ".join(str(record.config[name]) for name in COMMON)].append(record)
    curves = [curve for group in groups.values() for curve in _split_by_setting(group)]
    settings = [dict(flatten(curve[0].config)) for curve in curves]
    named: dict[str, list[Record]] = {}
    for own, curve in zip(settings, curves, strict=True):
        alike = [other for other in settings if other["method"] == own["method"]]
        keys = [key for key in differing_keys(alike) if key not in VARIED]
        named[" ".join([str(own["method"]), *(f"{key.rpartition('.')[2]}={own.get(key)}" for key in keys)])] = curve
    return named


def _split_by_setting(group: Sequence[Record]) -> list[list[Record]]:
    """One curve if there is one cell for each T; else one for each setting of the other keys."""
    cells = {(record.config["time_steps"], record.cell_key) for record in group}
    if len({steps for steps, _ in cells}) == len(cells):
        return [list(group)]
    by_setting: defaultdict[str, list[Record]] = defaultdict(list)
    for record in group:
        rest = {name: value for name, value in record.config.items() if name not in VARIED}
        by_setting[json.dumps(rest, sort_keys=True)].append(record)
    return list(by_setting.values())


def curve_of(records: Iterable[Record]) -> Curve:
    """Means over the seeds of each T."""
    values: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for record in records:
        # Without spikes there is one step, whatever was asked for.
        steps = record.config["time_steps"] if is_spiking(record.config["method"]) else 1
        for name, shown in OVER_T.items():
            if name in record.measures:
                values[shown, steps].append(record.measures[name])
    return {key: mean(numbers) for key, numbers in sorted(values.items())}
