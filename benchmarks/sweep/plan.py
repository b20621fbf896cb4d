"""What a sweep would do: each cell and how it stands."""

from dataclasses import dataclass, replace

from benchmarks.study.study import Cell, Study
from benchmarks.sweep.site import Site
from benchmarks.sweep.standing import Standing


@dataclass(frozen=True)
class PlannedRun:
    """One cell of a plan.

    Parameters
    ----------
    cell : Cell
        Which; its method may not support it.
    standing : Standing
        Where it would go on.
    chosen : bool
        Whether the sweep would run it.
    """

    cell: Cell
    standing: Standing
    chosen: bool

    @property
    def done(self) -> bool:
        """Whether it has its row, be that of a skipped one."""
        return self.standing.done

    @property
    def epochs(self) -> int:
        """Epochs that are behind it."""
        return self.standing.epochs

    def line(self) -> str:
        """Run key, configuration and state in a line."""
        config, standing = self.cell.config, self.standing
        words = f"{config.run_key}  {self.cell.title}, {config.epochs} epochs"
        if self.cell.skip_reason is not None:
            return f"{words}  skipped: {self.cell.skip_reason}"
        about = f", {standing.epochs} of {config.epochs} epochs" if standing.epochs else ""
        why = f" ({standing.why})" if standing.why else ""
        left_out = "" if self.chosen or self.done else " (beyond --limit)"
        return f"{words}  {standing.state}{about}{why}{left_out}"


def plan_of(study: Study, site: Site, *, limit: int | None = None) -> list[PlannedRun]:
    """Say of each cell of a study how it stands.

    Parameters
    ----------
    study : Study
        What would run.
    site : Site
        Where, and whether anew.
    limit : int, optional
        Run only so many, the first.
    """
    plan: list[PlannedRun] = []
    chosen = 0
    for cell in study.cells:
        # Of what it would go on from, the plan keeps but the number of epochs: all together may be large.
        standing = replace(site.standing(cell.config, here=not site.execution.elsewhere), snapshot=None)
        runs = not standing.done and (limit is None or chosen < limit)
        chosen += runs
        plan.append(PlannedRun(cell, standing, runs))
    return plan
