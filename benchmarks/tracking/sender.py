"""Says calls to the MLflow store. Each may be said again: after a lost answer, or from a file after a crash."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.tracking.calls import Batch, Call, CellRun, End, Inputs, ModelFolder, Opening, Point, Text
from benchmarks.tracking.cells import KIND, KIND_CELL, KIND_RUN, name_with_result, summary
from benchmarks.tracking.inputs import dataset_inputs
from benchmarks.tracking.models import log_model
from benchmarks.tracking.protocol import MLFLOW_STATUS, UNFINISHED

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"
"""Tag by which MLflow's UI nests one run under another."""

PAGE = 1000


class Sender:
    """Knows the experiments and cells of one store.

    Parameters
    ----------
    client : MlflowClient
        Of the store.
    """

    def __init__(self, client: "MlflowClient") -> None:
        self.client = client
        self._experiments: dict[str, str] = {}
        self._cells: dict[tuple[str, str], str] = {}

    def experiment(self, study: str) -> str:
        """Id of a study's experiment, which is made if it is not there."""
        if study not in self._experiments:
            self._experiments[study] = self.find_experiment(study) or self._make_experiment(study)
        return self._experiments[study]

    def find_experiment(self, study: str) -> str | None:
        """Id of a study's experiment, if there is one."""
        experiment = self.client.get_experiment_by_name(study)
        return None if experiment is None else str(experiment.experiment_id)

    def _make_experiment(self, study: str) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.create_experiment(study))
        except MlflowException:
            # Another process may have made it meanwhile.
            found = self.find_experiment(study)
            if found is None:
                raise
            return found

    def search(self, experiment: str, condition: str = "") -> list["Run"]:
        """All runs that fulfil a condition of MLflow's search, oldest first."""
        runs: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [experiment], condition, order_by=["attributes.start_time ASC"], max_results=PAGE, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def open(self, opening: Opening, *, again: bool = False) -> str:
        """Open a run, or go on with it, and return its id.

        Parameters
        ----------
        opening : Opening
            Which.
        again : bool
            Whether this was tried before: the run may be there already.
        """
        experiment = self.experiment(opening.study)
        known = self.search(experiment, f"tags.tracking_id = '{opening.tracking_id}'") if again else []
        if known:
            return str(known[0].info.run_id)
        tags = {**opening.tags, "tracking_id": opening.tracking_id, KIND: KIND_RUN, "cell_key": opening.cell.key}
        tags[PARENT] = self._cell(experiment, opening.cell, start_time=opening.start_time)
        if opening.resume:
            same = self.search(experiment, f"tags.run_key = '{opening.tags['run_key']}'")
            unfinished = [run for run in same if run.data.tags.get("status") in UNFINISHED]
            if unfinished:
                self._reopen(unfinished[-1], tags, opening.done)
                return str(unfinished[-1].info.run_id)
        run = self.client.create_run(experiment, start_time=opening.start_time, run_name=opening.name, tags=tags)
        self._batch(run.info.run_id, Batch(metrics=opening.done))
        return str(run.info.run_id)

    def _reopen(self, run: "Run", tags: dict[str, str], done: tuple[Point, ...]) -> None:
        names = {name for name, *_ in done} & run.data.metrics.keys()
        run_id = run.info.run_id
        there = {(name, point.step) for name in names for point in self.client.get_metric_history(run_id, name)}
        lacking = tuple(point for point in done if (point[0], point[3]) not in there)
        if "reason" in run.data.tags:
            self.client.delete_tag(run_id, "reason")
        self.client.update_run(run_id, status="RUNNING")
        # The tag by which this opening is recognised comes last.
        self._batch(run_id, Batch(metrics=lacking))
        self._batch(run_id, Batch(tags=tags))

    def _cell(self, experiment: str, cell: CellRun, *, start_time: int) -> str:
        """Id of the run of a cell, which is made if it is not there.

        Two processes may make one each in the same instant. Both then name the same key, each sums up all runs of
        it, and later runs go to the older one.
        """
        known = self._cells.get((experiment, cell.key))
        if known is not None:
            return known
        found = self.search(experiment, f"tags.cell_key = '{cell.key}' and tags.{KIND} = '{KIND_CELL}'")
        if found:
            run_id = found[0].info.run_id
        else:
            run = self.client.create_run(experiment, start_time=start_time, run_name=cell.name, tags=dict(cell.tags))
            run_id = run.info.run_id
            self._batch(run_id, Batch(params=cell.params))
        self._cells[experiment, cell.key] = str(run_id)
        return str(run_id)

    def send(self, run_id: str, opening: Opening, call: Call) -> None:
        """Say one call about an open run."""
        match call:
            case Batch():
                self._batch(run_id, call)
            case Text(path, text):
                self.client.log_text(run_id, text, path)
            case Inputs(datasets):
                self.client.log_inputs(run_id, dataset_inputs(datasets))
            case ModelFolder(folder):
                log_model(self.client, self.experiment(opening.study), run_id=run_id, folder=Path(folder))
            case End():
                self._end(run_id, opening, call)

    def _batch(self, run_id: str, batch: Batch) -> None:
        from mlflow.entities import Metric, Param, RunTag

        if batch.metrics or batch.params or batch.tags:
            self.client.log_batch(
                run_id,
                metrics=[Metric(name, value, timestamp, step) for name, value, timestamp, step in batch.metrics],
                params=[Param(key, value) for key, value in batch.params.items()],
                tags=[RunTag(key, value) for key, value in batch.tags.items()],
            )

    def _end(self, run_id: str, opening: Opening, end: End) -> None:
        """Close a run; its status comes after all else, as it alone makes a run count as done."""
        if end.reason:
            self.client.set_tag(run_id, "reason", end.reason)
        self.client.update_run(run_id, name=end.name)
        self.client.set_tag(run_id, "status", end.status)
        self.client.set_terminated(run_id, MLFLOW_STATUS[end.status], end.end_time)
        experiment = self.experiment(opening.study)
        runs = self.search(experiment, f"tags.cell_key = '{opening.cell.key}' and tags.{KIND} = '{KIND_RUN}'")
        batch, status = summary(runs)
        cell = self._cell(experiment, opening.cell, start_time=opening.start_time)
        self._batch(cell, batch)
        self.client.update_run(cell, status="RUNNING", name=name_with_result(opening.cell, batch))
        if status != "RUNNING":
            self.client.set_terminated(cell, status, end.end_time)
