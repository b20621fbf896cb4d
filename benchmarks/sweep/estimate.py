"""What a study costs on this machine, extrapolated from a few measured training steps and evaluations of each kind."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

import torch

from benchmarks.columns import in_columns
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.datasets.samples.split import Data, Split
from benchmarks.metrics.accuracy import samples_at_once
from benchmarks.metrics.latency import LATENCY_BATCH, LATENCY_REPEATS, LATENCY_WARM_UP
from benchmarks.platform.cuda_graph import WARM_UP, Recorded
from benchmarks.platform.synchronisation import synchronise
from benchmarks.sweep.durations import DAY, in_words, makespan, range_in_words
from benchmarks.sweep.plan import PlannedRun
from benchmarks.training.training import CALIBRATION_SAMPLES, Training, prepare, widest_layer

BUDGET = 0.3
"""Seconds for the training steps of one kind of run, and again for its evaluations; what is slower is measured once."""

SLOW = 1.5
"""What takes more seconds than that is not measured in full, but extrapolated from the part for warm-up."""

PATIENCE = 10.0
"""Of the first time, most may be what comes but once: only what takes more seconds is not done again to know it."""

UNKNOWN_SPREAD = 1.5
"""Of what was measured once."""

MOST_REPEATS = 30
"""Even if they fit into the budget."""

WARM_UP_SHARE = 8
"""The step for warm-up takes this part of a batch, so that a slow network is found out early."""

MEASURED_SAMPLES = 100
"""The most that are evaluated at a time."""

WITH_METERS = 3
"""An evaluation in which spikes and operations are counted takes about so many times as long as a plain one."""

TABLE_HEADER = ("dataset", "network", "method", "T", "batch", "runs", "epochs", "epoch", "total")

IRRELEVANT = {"seed", "epochs", "protocol"}
"""What the time of an epoch does not depend on."""


@dataclass(frozen=True)
class Speed:
    """Seconds of an epoch, its evaluation included, and of the final measurements.

    Parameters
    ----------
    epoch, finish : float
        From the median of the steps that were measured.
    spread : float
        So many times as long took slow steps, and fast ones so many times less.
    """

    epoch: float
    finish: float
    spread: float = 1.0


@dataclass(frozen=True)
class CellCost:
    """What is left to do of one run: epochs, and the speed of its kind."""

    config: RunConfig
    epochs: int
    speed: Speed

    @property
    def seconds(self) -> float:
        """Time of the whole."""
        return self.epochs * self.speed.epoch + self.speed.finish

    @property
    def ends(self) -> tuple[float, float]:
        """The same if all steps were as fast, or as slow, as some of those that were measured."""
        return self.seconds / self.speed.spread, self.seconds * self.speed.spread


@dataclass(frozen=True)
class Estimate:
    """Costs of the cells of a study, those that are skipped left out."""

    costs: tuple[CellCost, ...]
    execution: Execution

    def in_lines(self, at_once: int = 1) -> str:
        """Say in two or three lines how long all takes, and what to do if that is days."""
        if not self.costs:
            return "estimate: nothing is left to run"
        seconds = [cost.seconds for cost in self.costs]
        total = makespan(seconds, at_once)
        ends = (makespan([cost.ends[end] for cost in self.costs], at_once) for end in (0, 1))
        workers = f" with {at_once} at a time" if at_once > 1 else ""
        lines = [
            f"estimate from steps measured on this machine: {range_in_words(*ends)}{workers} for {len(seconds)} runs",
            f"  a run takes {in_words(min(seconds))} to {in_words(max(seconds))}",
        ]
        on_cpu = torch.device(self.execution.device).type == "cpu"
        if at_once > 1 and not on_cpu:
            lines.append(
                f"  that is if runs do not slow each other down; if one alone fills the GPU, {in_words(sum(seconds))}"
            )
        if total > DAY and on_cpu:
            lines.append(
                f"  this machine's CPU needs {total / DAY:.1f} days for it; --profile quick is a reduced study, and "
                "--only and --limit run a part"
            )
        return "\n".join(lines)

    def table(self) -> str:
        """List each kind of run with its costs, the longest first."""
        kinds: dict[Hashable, list[CellCost]] = {}
        for cost in self.costs:
            kinds.setdefault(kind_of(cost.config), []).append(cost)
        rows: list[tuple[str, ...]] = [TABLE_HEADER]
        for costs in sorted(kinds.values(), key=lambda costs: -sum(cost.seconds for cost in costs)):
            config, epochs = costs[0].config, sum(cost.epochs for cost in costs)
            words = (config.dataset, config.architecture, config.method)
            numbers = (config.time_steps, config.batch_size, len(costs), epochs)
            times = (f"{costs[0].speed.epoch:.3g} s", in_words(sum(cost.seconds for cost in costs)))
            rows.append((*words, *map(str, numbers), *times))
        return in_columns(rows)


def estimate_runs(plan: Sequence[PlannedRun], execution: Execution, data: Callable[[RunConfig], Data]) -> Estimate:
    """Measure each kind of run once, about a second each, and multiply by the epochs that are left.

    Parameters
    ----------
    plan : sequence of PlannedRun
        Of a plan; what would not run is left out.
    execution : Execution
        Where the runs would take place.
    data : callable
        Gives the data of a run.
    """
    speeds: dict[Hashable, Speed] = {}
    costs = []
    for planned in plan:
        config = planned.cell.config
        if planned.chosen and planned.cell.skip_reason is None:
            kind = kind_of(config)
            if kind not in speeds:
                speeds[kind] = measure(config, execution, data(config))
            costs.append(CellCost(config, max(0, config.epochs - planned.epochs), speeds[kind]))
    return Estimate(tuple(costs), execution)


def kind_of(config: RunConfig) -> Hashable:
    """Return what the time of an epoch depends on."""
    return config.model_dump_json(exclude=IRRELEVANT)


def measure(config: RunConfig, execution: Execution, data: Data) -> Speed:
    """Time a few steps of training and of evaluation."""
    if execution.threads is not None:
        torch.set_num_threads(execution.threads)
    training = prepare(config, execution, data)
    train, (step, spread) = training.data.train, seconds_of_step(training)
    sample, calibration = seconds_of_evaluation(training)
    evaluation = calibration + sample * (len(training.data.test) + len(training.data.held_out or ()))
    latencies = (LATENCY_WARM_UP + LATENCY_REPEATS) * (LATENCY_BATCH + 1) * sample
    final = WITH_METERS * sample * len(training.data.test) + calibration + latencies
    steps = training.data.passes * ceil(len(train) / config.batch_size)
    return Speed(epoch=step * steps + evaluation, finish=final, spread=spread)


def seconds_of_step(training: Training) -> tuple[float, float]:
    """Wall time of one training step, its batch included, and its spread, see `Speed`.

    From an eighth of a batch if that alone takes too long.
    """
    train, config = training.data.train, training.config
    size = min(config.batch_size, len(train))

    training.model.train()
    training.model.start_epoch(1)
    device = training.device
    recording = device.type == "cuda" and training.execution.cuda_graphs
    take = Recorded(training.counted_step, device) if recording else training.counted_step

    def step(samples: int) -> None:
        changes = train.draw(samples, training.state.draws.augmentation)
        take(*train.batch(torch.arange(samples), changes))

    share = max(1, size // WARM_UP_SHARE)
    part = warm(lambda: step(share), training.device) * size / share
    if part > SLOW:
        return part, UNKNOWN_SPREAD
    if recording:
        for _ in range(WARM_UP + 1):
            step(size)
    times = repeated(lambda: step(size), training.device)
    middle = median(times)
    return middle, max(middle / min(times), sorted(times)[len(times) * 9 // 10] / middle)


@torch.no_grad()
def seconds_of_evaluation(training: Training) -> tuple[float, float]:
    """Wall time of the evaluation of one sample among many, and of the calibration before it."""
    train, model, device = training.data.train, training.model, training.device

    most = min(
        MEASURED_SAMPLES, samples_at_once(training.config.time_steps, widest_layer(training.config.network_spec()))
    )

    def batch(split: Split, samples: int) -> torch.Tensor:
        return split.batch(torch.arange(min(samples, len(split))))[0].to(device)

    model.eval()
    calibration = timed(lambda: model.calibrate(batch(train, most) for _ in range(1)), device)
    samples = min(most, len(training.data.test))
    share = max(1, samples // WARM_UP_SHARE)
    sample = warm(lambda: model(batch(training.data.test, share)), device) / share
    if sample * samples <= SLOW:
        sample = median(repeated(lambda: model(batch(training.data.test, samples)), device)) / samples
    return sample, calibration * min(CALIBRATION_SAMPLES, len(train)) / min(most, len(train))


def timed(action: Callable[[], object], device: torch.device) -> float:
    """Wall time of an action, in seconds."""
    synchronise(device)
    start = time.perf_counter()
    action()
    synchronise(device)
    return time.perf_counter() - start


def warm(action: Callable[[], object], device: torch.device) -> float:
    """Wall time of an action the second time, or the first if that takes too long."""
    first = timed(action, device)
    return first if first > PATIENCE else timed(action, device)


def repeated(action: Callable[[], object], device: torch.device) -> list[float]:
    """Wall times of an action, repeated within the budget."""
    times: list[float] = []
    while not times or (sum(times) < BUDGET and len(times) < MOST_REPEATS):
        times.append(timed(action, device))
    return times
