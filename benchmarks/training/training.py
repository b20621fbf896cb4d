"""One run: from a configuration to a trained model and its record."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from baselines.method import Model, NetworkSpec, get_method
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.datasets.samples.split import Data, Split, first, hold_out
from benchmarks.errors import DivergedError
from benchmarks.metrics.accuracy import samples_at_once
from benchmarks.metrics.counting.spikes import ActivityMeter
from benchmarks.metrics.metric import FinishedTraining, Metric, available_metrics
from benchmarks.platform.cuda_graph import Recorded
from benchmarks.platform.denormals import denormals_as_zero
from benchmarks.platform.determinism import choose_deterministic_kernels
from benchmarks.platform.memory import bound_gpu_memory, keep_freed_memory
from benchmarks.platform.precision import choose_precision, loss_scale
from benchmarks.platform.synchronisation import synchronise
from benchmarks.results import EpochResult, Evaluation, RunResult
from benchmarks.tasks.choice import task_type_of
from benchmarks.tasks.task_type import TaskType
from benchmarks.training.epoch_steps import EpochSteps, draw_epoch
from benchmarks.training.optimisation import make_optimizer, not_finite, train_step
from benchmarks.training.schedule import set_learning_rate
from benchmarks.training.seeding import as_global_stream, generator_for, seed_for
from benchmarks.training.state import Draws, TrainingState

LOWER = "try a lower optimizer.learning_rate"

CALIBRATION_SAMPLES = 1000
"""First samples of the training set, which a model may look at before an evaluation."""


@dataclass(frozen=True)
class Training:
    """A run in progress: `epochs` trains, `finish` measures the final model.

    Parameters
    ----------
    config, execution : RunConfig, Execution
        What to run, and where.
    data : Data
        Already cut to the samples that the configuration asks for; batches come to the device.
    state : TrainingState
        Where the run stands; the model is on the device.
    metrics : sequence of Metric
        Made before the model.
    task_type : TaskType
        What is to be learnt, and how it is judged.
    """

    config: RunConfig
    execution: Execution
    data: Data
    state: TrainingState
    metrics: Sequence[Metric]
    task_type: TaskType

    @property
    def model(self) -> Model:
        """The model in training."""
        return self.state.model

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return torch.device(self.execution.device)

    def epochs(self) -> Iterator[EpochResult]:
        """Train from where the run stands to its end, and yield a record after each epoch.

        Raises
        ------
        DivergedError
            When the loss of an epoch is not finite, or a weight or one of its moments in the optimiser after it.
        """
        recording = self.device.type == "cuda" and self.execution.cuda_graphs
        steps = EpochSteps(self.data.train, self.counted_step, self.device, recording=recording)
        # With the model as it is, meters could watch; a recording they do not see.
        forward = Recorded[Tensor](self.model, self.device) if recording else None
        for epoch in range(len(self.state.history) + 1, self.config.epochs + 1):
            self.state.history.append(self._run_epoch(epoch, steps, forward))
            yield self.state.history[-1]

    def _run_epoch(self, epoch: int, steps: EpochSteps, forward: Recorded[Tensor] | None) -> EpochResult:
        start = time.perf_counter()
        with as_global_stream(self.state.draws.dropout), denormals_as_zero():
            train_loss, train_accuracy = self._train_epoch(epoch, steps)
        synchronise(self.device)
        trained = time.perf_counter()
        held_out = self.data.held_out
        evaluation = self._evaluate(self.data.test, forward=forward)
        chosen_by = None if held_out is None else self._evaluate(held_out, forward=forward)
        return EpochResult(
            epoch=epoch,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            test_accuracy=evaluation.accuracy,
            held_out_accuracy=None if chosen_by is None else chosen_by.accuracy,
            train_seconds=trained - start,
            test_seconds=time.perf_counter() - trained,
            measures={
                name: value
                for metric in self.metrics
                for name, value in metric.measure_epoch(self.model, evaluation).items()
            },
            rasters=self.task_type.output_rasters(self.model, self.data.test, self.device, epoch=epoch),
        )

    def step(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of the optimiser, see `train_step`."""
        return train_step(
            self.model,
            self.state.optimizer,
            inputs,
            targets,
            grad_clip=self.config.optimizer.grad_clip,
            loss=self.task_type.loss,
            loss_scale=loss_scale(self.config.precision),
        )

    def counted_step(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """Take one step; its loss, and how many samples were recognised."""
        loss, output = self.step(inputs, targets)
        return loss, self.task_type.correct(self.model, output, targets)

    def _train_epoch(self, epoch: int, steps: EpochSteps) -> tuple[float, float | None]:
        split, passes, size = self.data.train, self.data.passes, self.config.batch_size
        self.model.train()
        self.model.start_epoch(epoch)
        set_learning_rate(self.state.optimizer, self.config, epoch)
        batches = draw_epoch(split, self.state.draws, batch_size=size, passes=passes)
        for _ in steps.epoch(batches, self.model.python_state()):
            """All that there is to a step happens on the way here."""
        loss_sum, correct = steps.sums()
        shown = passes * len(split)
        mean_loss = float(loss_sum) / shown
        if not torch.isfinite(loss_sum):
            raise DivergedError(f"loss is {mean_loss} in epoch {epoch}; {LOWER}")
        # A neuron takes NaN for silence: what has no number left may have a loss like any other.
        lost = not_finite(self.model, self.state.optimizer)
        if lost:
            raise DivergedError(f"{', '.join(lost)} not finite after epoch {epoch}; {LOWER}")
        return mean_loss, None if correct is None else int(correct) / shown

    def _evaluate(
        self,
        split: Split,
        *meters: AbstractContextManager[object],
        all_of_it: bool = False,
        forward: Recorded[Tensor] | None = None,
    ) -> Evaluation:
        """Judge the model, by its recorded pass if there is one; `meters` watch, but do not see the calibration."""
        train, steps, widest = self.data.train, self.config.time_steps, widest_layer(self.config.network_spec())
        batches = torch.arange(min(CALIBRATION_SAMPLES, len(train))).split(samples_at_once(steps, widest))
        self.model.calibrate(train.batch(indices)[0].to(self.device) for indices in batches)
        if forward is not None:
            forward.hold(self.model.python_state())
        with ExitStack() as watch:
            for meter in meters:
                watch.enter_context(meter)
            return self.task_type.evaluate(
                self.model,
                split,
                self.device,
                time_steps=steps,
                widest_layer=widest,
                all_of_it=all_of_it,
                forward=forward,
            )

    def finish(self, history: list[EpochResult]) -> RunResult:
        """Measure the final model and sum up the run."""
        spikes = ActivityMeter(self.model, spiking_output=self.model.spiking_output)
        meters = [spikes.watching(), *(metric.watching(self.model, spikes) for metric in self.metrics)]
        run = FinishedTraining(
            config=self.config,
            model=self.model,
            data=self.data,
            device=self.device,
            history=history,
            evaluation=self._evaluate(self.data.test, *meters, all_of_it=True),
            spikes=spikes,
        )
        values = {name: value for metric in self.metrics for name, value in metric.measure(run).items()}
        tables = {name: table for metric in self.metrics for name, table in metric.tables_of(run).items()}
        return RunResult(
            measures={name: float(value) for name, value in values.items() if value is not None},
            tables={name: table for name, table in tables.items() if table},
        )


def widest_layer(spec: NetworkSpec) -> int:
    """Number of neurons of the largest layer, or of inputs if they are more."""
    return max(prod(shape) for shape in (spec.input_shape, *spec.architecture.output_shapes(spec.input_shape)))


def placed(model: Model, device: torch.device) -> Model:
    """Move a model to a device; on a GPU, weights of convolutions lie in the order of feature maps, channels last."""
    if device.type != "cuda":
        return model.to(device)
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def prepare(config: RunConfig, execution: Execution, data: Data) -> Training:
    """Build the model and cut the data; nothing has been trained yet.

    Parameters
    ----------
    config, execution : RunConfig, Execution
        What to run, and where.
    data : Data
        The whole of the configuration's dataset.
    """
    device = torch.device(execution.device)
    if device.type == "cpu":
        keep_freed_memory()
    elif device.type == "cuda":
        bound_gpu_memory(device, execution.gpu_share)
    choose_deterministic_kernels(benchmark=execution.benchmarks_cudnn(config))
    products = choose_precision(device, config.precision)
    metrics = [metric(device) for metric in available_metrics()]
    method = get_method(config.method)
    torch.manual_seed(seed_for(config.seed, "initialisation"))
    # Weights are drawn on the CPU: the same seed gives the same network on every device.
    model = placed(method.build(config.network_spec(), config.method_parameters(), backend=execution.backend), device)
    model.products = products
    state = TrainingState(model, make_optimizer(model, config.optimizer), Draws.of(config.seed, device))
    cut = _cut(config, data, device)
    return Training(config, execution, cut, state, metrics, task_type_of(config, cut))


def _cut(config: RunConfig, data: Data, device: torch.device) -> Data:
    """Give each part the samples that the configuration asks for."""
    train, test, held_out = data.train, data.test, None
    if config.held_out:
        train, held_out = hold_out(train, config.held_out, generator_for(config.seed, "split"))
        held_out = held_out.to(device)
    if held_out is not None and config.evaluate_on == "held_out":
        test, held_out = held_out, None
    train, test = first(train, config.train_samples), first(test, config.test_samples)
    targets = None if data.target_of_class is None else data.target_of_class.to(device)
    return replace(data, train=train.to(device), test=test.to(device), held_out=held_out, target_of_class=targets)
