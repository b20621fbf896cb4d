"""One run while it happens, for the MLflow store."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor

from baselines.method import Model
from benchmarks.config import RunConfig
from benchmarks.records import EpochRecord, RunRecord, Status
from benchmarks.tracking.calls import Batch, End, ModelFolder, Text, batches, now, points_of
from benchmarks.tracking.cells import NOTE, describe, outcome_facts, run_name
from benchmarks.tracking.models import MODEL_NAME, save_model
from benchmarks.tracking.outbox import Outbox
from benchmarks.tracking.protocol import CURVE
from benchmarks.tracking.system import SystemSampler

TRACKING_SECONDS = "tracking_seconds"
"""Metric: wall time that a run spent in its tracker, but for the last call."""


class MlflowRunTracker:
    """One open run.

    Parameters
    ----------
    config : RunConfig
        Of the run.
    outbox : Outbox
        Takes what is logged.
    close_outbox : callable
        Has the rest sent, given whether it may take long.
    keep_model : bool
        Whether to keep the trained model.
    system : SystemSampler, optional
        Use of the machine.
    seconds : float
        What opening the run took.
    """

    def __init__(
        self,
        config: RunConfig,
        outbox: Outbox,
        *,
        close_outbox: Callable[[Outbox, bool], None],
        keep_model: bool,
        system: SystemSampler | None,
        seconds: float,
    ) -> None:
        self._config, self._outbox, self._close_outbox = config, outbox, close_outbox
        self._keep_model, self._system = keep_model, system
        self._seconds = seconds
        self._accuracy: float | None = None

    def epoch(self, record: EpochRecord) -> None:
        """Log an epoch's metrics."""
        with self._timed():
            values = list(epoch_values(record))
            if self._system:
                values += [(name, value, record.epoch) for name, value in self._system.sample().items()]
            self._outbox.add(Batch(points_of(values)))
            self._outbox.flush_if_due()

    def model(self, model: Model, example: Tensor) -> None:
        """Keep the trained model, if that was asked for."""
        if self._keep_model:
            with self._timed():
                folder = self._outbox.journal.files / MODEL_NAME
                save_model(model, example, config=self._config, folder=folder)
                self._outbox.add(ModelFolder(str(folder)))

    def finish(self, record: RunRecord) -> None:
        """Log the outcome and close the run as finished."""
        with self._timed():
            metrics = record.metrics()
            values = [(name, value, 0) for name, value in metrics.items()]
            values += [(CURVE, value, step) for step, value in enumerate(record.accuracy_at_step, start=1)]
            for layer in record.layers:
                values += [(f"layers/{layer.name}/{name}", value, 0) for name, value in layer.metrics().items()]
            self._outbox.add(*batches(points_of(values)))
            self._outbox.add(*(Text(name, json.dumps(table, indent=2)) for name, table in record.tables().items()))
            self._outbox.add(Batch(tags={NOTE: describe(self._config, outcome_facts(metrics))}))
        self._accuracy = record.accuracy_last
        self.close("finished")

    def close(self, status: Status, reason: str = "", details: str = "") -> None:
        """End the run; when somebody waits for the process to stop, without patience."""
        if details:
            self._outbox.add(Text("error.txt", details))
        if reason:
            self._outbox.add(Batch(tags={NOTE: describe(self._config, {status: reason})}))
        end = End(status, reason, now(), run_name(self._config, self._accuracy))
        self._outbox.add(Batch(points_of([(TRACKING_SECONDS, self._seconds, 0)])), end)
        self._close_outbox(self._outbox, status != "stopped")

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds += time.perf_counter() - start


def epoch_values(record: EpochRecord) -> Iterable[tuple[str, float, int]]:
    """Name, value and step of each number of an epoch."""
    values = record.numbers()
    epoch = values.pop("epoch")
    return [(name, value, epoch) for name, value in values.items() if value is not None]
