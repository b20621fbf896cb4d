"""What is measured of a run, one metric or close family a file; docs/protocol.md gives the definitions in words."""

from benchmarks.metrics.accuracy import accuracy, accuracy_at_steps, samples_at_once
from benchmarks.metrics.activity import Activity, ActivityMeter, LayerActivity, spike_histogram
from benchmarks.metrics.confusion import ConfusionMatrix
from benchmarks.metrics.convergence import CONVERGENCE_COLUMNS, convergence
from benchmarks.metrics.latency import Latency, inference_latency, synchronise
from benchmarks.metrics.operations import OperationMeter, Operations
from benchmarks.metrics.peak_memory import MemoryMeter, PeakMemory
from benchmarks.metrics.raster import LayerRaster, Raster, spike_raster
from benchmarks.metrics.throughput import Throughput, throughput

__all__ = [
    "CONVERGENCE_COLUMNS",
    "Activity",
    "ActivityMeter",
    "ConfusionMatrix",
    "Latency",
    "LayerActivity",
    "LayerRaster",
    "MemoryMeter",
    "OperationMeter",
    "Operations",
    "PeakMemory",
    "Raster",
    "Throughput",
    "accuracy",
    "accuracy_at_steps",
    "convergence",
    "inference_latency",
    "samples_at_once",
    "spike_histogram",
    "spike_raster",
    "synchronise",
    "throughput",
]
