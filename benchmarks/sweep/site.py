"""Where the runs of a study take place: data of one process, and what happens to a run there."""

import shutil
import time
import traceback
import warnings
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from baselines.method import get_method
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.datasets.dataset import data_root, get_dataset
from benchmarks.datasets.samples.split import Data
from benchmarks.errors import DatasetError, LockedError, TrackingError
from benchmarks.executors.executor import Job, Outcome
from benchmarks.platform.determinism import choose_deterministic_kernels, describe_determinism
from benchmarks.platform.interruption import cause_of
from benchmarks.platform.precision import choose_precision
from benchmarks.results import RunResult, Status
from benchmarks.sweep.failures import free_memory, status_and_reason
from benchmarks.sweep.standing import Standing, where_to_go_on
from benchmarks.tracking import MODEL_FOLDER, OpenRecord, Record, Runs
from benchmarks.tracking.environment import Environment, backend_of, describe_environment
from benchmarks.training.checkpoints import CheckpointPace, RunCheckpoints
from benchmarks.training.state import Snapshot
from benchmarks.training.training import Training, prepare

EXAMPLE_SAMPLES = 2
"""What a trained model is kept with, as an example of its input."""


@dataclass(eq=False)
class Site:
    """Where a study's runs take place; called with a job, it carries it out.

    Sent to another process, it loads the data anew there, when they are first needed.

    Parameters
    ----------
    study, command : str
        Name of the study, and what starts it again.
    execution : Execution
        Where and how.
    runs : Runs
        Where the records are.
    fresh : bool
        Whether runs start anew.
    keep_models : bool
        Whether to keep trained models beside the records, in MLflow's form.
    """

    study: str
    command: str
    execution: Execution
    runs: Runs
    fresh: bool = False
    keep_models: bool = False
    loaded: dict[Hashable, tuple[Data, Environment]] = field(default_factory=dict, init=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Site, (self.study, self.command, self.execution, self.runs, self.fresh, self.keep_models)

    def data(self, config: RunConfig) -> tuple[Data, Environment]:
        """Return the data of a run, loaded once, and its environment.

        Raises
        ------
        DatasetError, BackendUnavailableError, ConfigError
            If data or backend are not to be had, or the device does not compute in the run's precision.
        """
        precision = self.execution.precision_of(config)
        key = data_key(config)
        if key not in self.loaded:
            if self.execution.threads is not None:
                torch.set_num_threads(self.execution.threads)
            data = load_data(config, data_root(self.execution.data_root))
            self.loaded[key] = (
                data,
                describe_environment(
                    self.execution, command=self.command, data_source=data.source, data_checksum=data.checksum()
                ),
            )
        data, environment = self.loaded[key]
        choose_deterministic_kernels(benchmark=self.execution.benchmarks_cudnn(config))
        choose_precision(torch.device(self.execution.device), config.precision)
        backend = backend_of(get_method(config.method), self.execution)
        determinism = describe_determinism()
        return data, replace(environment, backend=backend, precision=precision, determinism=determinism)

    def data_at_hand(self, config: RunConfig) -> Data:
        """Return the data of a run, unless files would have to be fetched first.

        Raises
        ------
        DatasetError
            If some are missing; says how to get them.
        """
        if get_dataset(config.dataset).missing(data_root(self.execution.data_root)):
            raise DatasetError(f"{config.dataset} is not here; get it by: tssl data prepare {config.dataset}")
        return self.data(config)[0]

    def checkpoints(self, config: RunConfig) -> RunCheckpoints | None:
        """Return the checkpoints of a run, if there are to be any."""
        if self.execution.checkpoints is None:
            return None
        deciding = self.data(config)[1].deciding()
        return RunCheckpoints.of(self.execution.checkpoints, self.study, config.run_key, deciding)

    def standing(self, config: RunConfig, *, lost: bool = False, here: bool = True) -> Standing:
        """Say where a run would go on.

        Parameters
        ----------
        config : RunConfig
            Of the run.
        lost : bool
            Whether a worker was lost at it: what that has done is not begun anew.
        here : bool
            Whether it would take place on this machine.
        """
        if self.fresh and not lost:
            return Standing("new")
        return where_to_go_on(
            self.study,
            config,
            runs=self.runs,
            checkpoints=self.execution.checkpoints,
            deciding=lambda: self._deciding(config) if here else None,
        )

    def _deciding(self, config: RunConfig) -> Mapping[str, str] | None:
        """All that has to be equal for a checkpoint to be used; None if the data are not here."""
        if get_dataset(config.dataset).missing(data_root(self.execution.data_root)):
            return None
        return self.data(config)[1].deciding()

    def __call__(self, job: Job) -> Outcome:
        """Carry out a job, see `benchmarks.executors`."""
        status, line = _run_cell(job, self)
        if status == "failed":
            free_memory()
        record = self.runs.find(self.study, job.cell.config.run_key)
        return Outcome(status, line, record)


def data_key(config: RunConfig) -> Hashable:
    """Return what the data of a run depend on; images know no time."""
    steps = config.time_steps if get_dataset(config.dataset).events else None
    return config.dataset, config.parameters_of_dataset(), steps


def load_data(config: RunConfig, root: Path) -> Data:
    """Load the dataset of a run as the run wants it.

    Raises
    ------
    DatasetError
        If it cannot be had, or is not what it says it is.
    """
    parameters = config.parameters_of_dataset()
    dataset = get_dataset(config.dataset)
    data = dataset.load(root, parameters=parameters, time_steps=config.time_steps)
    if not isinstance(data, Data):
        raise DatasetError(f"load of {config.dataset} returned {data!r}; expected train, test and source as a Data")
    shape, outputs = dataset.sizes(parameters)
    for part, split in (("training", data.train), ("test", data.test)):
        if not len(split):
            raise DatasetError(f"{config.dataset} has no {part} samples")
        found = tuple(split.batch(torch.zeros(1, dtype=torch.int64))[0].shape[-3:])
        if found != tuple(shape):
            raise DatasetError(f"{part} samples of {config.dataset} are {found}; its input_shape says {tuple(shape)}")
        # Out of range, they would end a run with an error of PyTorch's, and on a GPU the process.
        labels = getattr(split, "labels", None)
        if labels is None:
            continue
        least, most = map(int, labels.aminmax())
        if not 0 <= least <= most < outputs:
            span = f"{least} to {most}; expected 0 to {outputs - 1}, as its classes"
            raise DatasetError(f"{part} labels of {config.dataset} are {span}")
    return data


def _run_cell(job: Job, site: Site) -> tuple[Status | None, str]:
    """Run one cell unless another process does; its status, or None if it was done meanwhile, and a line for people."""
    config = job.cell.config
    try:
        with site.runs.lock(site.study, config.run_key):
            standing = site.standing(config, lost=bool(job.lost))
            # Another sweep may have done it since this one asked, and the result is not to be had before the lock.
            if standing.done and not site.fresh:
                if checkpoints := site.checkpoints(config):
                    checkpoints.discard()
                return None, "done by another process meanwhile"
            return _carry_out(job, site, standing)
    except LockedError as error:
        return "running", str(error)


def _carry_out(job: Job, site: Site, standing: Standing) -> tuple[Status, str]:
    """Run one cell from where it stands, and keep how it ended."""
    cell, config = job.cell, job.cell.config
    data, environment = site.data(config)
    checkpoints, fresh = site.checkpoints(config), site.fresh and not job.lost
    if checkpoints is not None and fresh:
        checkpoints.discard()
    if standing.problems:
        goes_on = f"goes on after epoch {standing.epochs}" if standing.epochs else "starts anew"
        warnings.warn(f"{'; '.join(standing.problems)}; the run {goes_on}", stacklevel=2)
    record = Record.begin(site.study, config, environment, site.execution)
    run = site.runs.begin(record, None if fresh else standing.history())
    if cell.skip_reason is not None:
        run.close("skipped", cell.skip_reason)
        return "skipped", f"not supported: {cell.skip_reason}"
    if job.given_up:
        run.close("failed", job.reason)
        return "failed", f"failed: {job.reason}"
    start = time.perf_counter()
    try:
        result = run_config(
            config,
            site.execution,
            data,
            run,
            checkpoints=checkpoints,
            snapshot=standing.snapshot,
            keep_model=site.keep_models,
        )
    except TrackingError:
        raise
    except Exception as error:
        # The outcome is a row with its reason: a sweep of many hours must not end with its first bad run.
        status, reason = status_and_reason(error, config)
        run.close(status, reason, traceback.format_exc())
        return status, f"{status}: {reason}"
    except BaseException as error:
        # A record that cannot be written stands as running, which is known as interrupted once this process is gone.
        with suppress(TrackingError):
            run.close("interrupted", f"stopped by {cause_of(error)}")
        raise
    line = f"{result.headline()}, {time.perf_counter() - start:.1f} s"
    return "finished", f"{line}, went on after epoch {standing.epochs}" if standing.epochs else line


def run_config(
    config: RunConfig,
    execution: Execution,
    data: Data,
    run: OpenRecord,
    *,
    checkpoints: RunCheckpoints | None = None,
    snapshot: Snapshot | None = None,
    keep_model: bool = False,
) -> RunResult:
    """Train one configuration, keep each epoch and the outcome in its record, and return the outcome.

    Parameters
    ----------
    config, execution, data : RunConfig, Execution, Data
        What to run, where, and the whole of its dataset.
    run : OpenRecord
        Already has the epochs of `snapshot`.
    checkpoints : RunCheckpoints, optional
        Gets one after an epoch, before the record has it, see `CheckpointPace`; cleared once the record has the
        outcome.
    snapshot : Snapshot, optional
        Where to go on; from the start without it.
    keep_model : bool
        Whether the trained model is kept beside the record.
    """
    training = prepare(config, execution, data)
    if snapshot is not None:
        training.state.restore(snapshot)
    pace = None if checkpoints is None else CheckpointPace(checkpoints)
    for epoch in training.epochs():
        if pace is not None:
            pace.after_epoch(training.state, last=epoch.epoch == config.epochs)
        run.epoch(epoch)
    result = training.finish(training.state.history)
    if keep_model:
        _keep_model(training, run.folder / MODEL_FOLDER)
    run.finish(result)
    if checkpoints is not None:
        checkpoints.discard()
    return result


def _keep_model(training: Training, folder: Path) -> None:
    from benchmarks.tracking.models import save_model

    shutil.rmtree(folder, ignore_errors=True)
    test = training.data.test
    example = test.batch(torch.arange(min(EXAMPLE_SAMPLES, len(test))))[0]
    save_model(training.model, example, config=training.config, folder=folder)
