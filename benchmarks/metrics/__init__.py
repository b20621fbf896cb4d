"""What is measured of a run, one metric or close family a file; docs/protocol.md gives the definitions in words."""

from benchmarks.metrics.accuracy import EVALUATION_BATCH, accuracy, accuracy_at_steps
from benchmarks.metrics.activity import Activity, ActivityMeter, LayerActivity, spike_histogram
from benchmarks.metrics.latency import latency_ms, synchronise
from benchmarks.metrics.operations import OperationMeter, Operations

__all__ = [
    "EVALUATION_BATCH",
    "Activity",
    "ActivityMeter",
    "LayerActivity",
    "OperationMeter",
    "Operations",
    "accuracy",
    "accuracy_at_steps",
    "latency_ms",
    "spike_histogram",
    "synchronise",
]
